#pragma once
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "store/accounts.h"
#include "store/certificates.h"

namespace mxcert::issue {

/// The TXT record by which dns-persist-01 lets one account get certificates for a name, for as long as it is there
/// (draft-ietf-acme-dns-persist). It holds no secret. It is told, and neither written nor kept: the administrator
/// publishes it once, and nothing on this host can change the DNS.
struct PersistentRecord {
  std::string name;   // without a dot at its end
  std::string value;  // `letsencrypt.org; accounturi=https://…`

  bool operator==(const PersistentRecord&) const = default;
};

/// `name` as it is ordered: a wildcard needs a record that says so.
PersistentRecord make_persistent_record(const std::string& name, const std::string& issuer, const std::string& account);

/// As a line of a zone file.
std::string to_string(const PersistentRecord& record);

/// The record for `name`, from what is known here of the account and the CA; empty when `name` is not to be shown by
/// dns-persist-01, there is no account yet, or the CA has not said what it calls itself.
std::optional<PersistentRecord> find_persistent_record(const config::Config& config, const store::Accounts& accounts,
                                                       const std::string& name);

/// Those of all names that are known without asking the DNS: wanted on a stored certificate by the last plan, or
/// configured as extra_names. In alphabetical order.
std::vector<PersistentRecord> find_persistent_records(const config::Config& config, const store::Accounts& accounts,
                                                      const store::Inventory& inventory);

/// What the CA calls itself in records; empty when that is not known.
std::vector<std::string> known_issuers(const config::CaConfig& ca, const store::Accounts& accounts);

}  // namespace mxcert::issue
