#include "issue/persistent_record.h"

#include <fmt/format.h>

#include <set>

#include "dns/wildcard.h"

namespace mxcert::issue {

PersistentRecord make_persistent_record(const std::string& name, const std::string& issuer,
                                        const std::string& account) {
  return {
      .name = "_validation-persist." + dns::without_wildcard(name),
      .value = fmt::format("{}; accounturi={}{}", issuer, account, dns::is_wildcard(name) ? "; policy=wildcard" : "")};
}

std::string to_string(const PersistentRecord& record) {
  return fmt::format("{}. TXT \"{}\"", record.name, record.value);
}

std::vector<std::string> known_issuers(const config::CaConfig& ca, const store::Accounts& accounts) {
  std::vector<std::string> issuers = accounts.find_caa_identities(ca.directory_url);
  return issuers.empty() ? ca.caa_identities : issuers;
}

std::optional<PersistentRecord> find_persistent_record(const config::Config& config, const store::Accounts& accounts,
                                                       const std::string& name) {
  if (config.challenge.method_for(name).type != solve::ChallengeMethod::Type::dns_persist_01) return std::nullopt;
  const auto account = accounts.find(config.ca.directory_url);
  const std::vector<std::string> issuers = known_issuers(config.ca, accounts);
  if (!account || account->url.empty() || account->deactivated || issuers.empty()) return std::nullopt;
  return make_persistent_record(name, issuers.front(), account->url);
}

std::vector<PersistentRecord> find_persistent_records(const config::Config& config, const store::Accounts& accounts,
                                                      const store::Inventory& inventory) {
  std::set<std::string> names;
  for (const auto& [certificate, kept] : inventory)
    for (const std::string& name : kept.state.desired)
      names.insert(name);
  for (const dns::DnsName& name : config.extra_names)
    names.insert(name.ascii());
  std::vector<PersistentRecord> records;
  for (const std::string& name : names)
    if (auto record = find_persistent_record(config, accounts, name)) records.push_back(*std::move(record));
  return records;
}

}  // namespace mxcert::issue
