#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/report.h"
#include "app/terminal.h"
#include "base/clock.h"
#include "store/accounts.h"
#include "store/certificates.h"
#include "store/internal_authority.h"
#include "store/issuances.h"
#include "store/names.h"
#include "store/orders.h"
#include "store/state_directory.h"

namespace mxcert::app {

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

/// What every command works with.
struct Context {
  Context(Config configuration, Invocation call, Clock& machine_clock, Terminal streams)
      : config(std::move(configuration)),
        invocation(std::move(call)),
        clock(machine_clock),
        terminal(streams),
        state(config.state_dir),
        accounts(state),
        certificates(state),
        internal_authority(state),
        orders(state),
        names(state),
        issuances(state) {}

  /// Progress is for people who watch a terminal and did not ask for silence or JSON.
  bool shows_progress() const { return terminal.stderr_is_terminal && !invocation.quiet && !invocation.json; }
  /// Steps worth a line each: progress, and for who asks with -v.
  bool tells_steps() const { return shows_progress() || invocation.verbose; }

  Config config;
  Invocation invocation;
  Clock& clock;
  Terminal terminal;
  store::StateDirectory state;
  store::Accounts accounts;
  store::Certificates certificates;
  store::InternalAuthority internal_authority;
  store::Orders orders;
  store::Names names;
  store::Issuances issuances;
  Report report;
};

}  // namespace mxcert::app
