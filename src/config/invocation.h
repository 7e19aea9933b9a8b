#pragma once
#include <chrono>
#include <string>
#include <vector>

namespace mxcert::config {

enum class Verb {
  plan,
  issue,
  renew,
  deploy,
  rollback,
  revoke,
  status,
  tlsa,
  account_show,
  account_register,
  account_update,
  account_rollover,
  account_deactivate,
  config_check
};

/// What the command line says, apart from the configuration.
struct Invocation {
  Verb verb = Verb::plan;
  std::vector<std::string> arguments;  // mail domains or names of certificates
  std::string explain;                 // of plan: a mail domain or a name; empty: the plan itself
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool dry_run = false;
  bool prune = false;               // names that are definitely not wanted go without waiting
  bool drop_names = false;          // names that others have served here may be lost
  bool allow_untrusted = false;     // what who verifies trusts may be replaced by what this host does not trust
  std::string revocation_reason;    // of revoke; empty: none
  bool by_certificate_key = false;  // of revoke
  std::chrono::seconds lock_timeout{60};
};

}  // namespace mxcert::config
