#include "app/persistent_record.h"

#include <fmt/format.h>

#include <set>

#include "app/context.h"

namespace mxcert::app {
namespace {

constexpr std::string_view wildcard_prefix = "*.";

}  // namespace

PersistentRecord make_persistent_record(const std::string& name, const std::string& issuer,
                                        const std::string& account) {
  const bool wildcard = name.starts_with(wildcard_prefix);
  return {.name = "_validation-persist." + (wildcard ? name.substr(wildcard_prefix.size()) : name),
          .value = fmt::format("{}; accounturi={}{}", issuer, account, wildcard ? "; policy=wildcard" : "")};
}

std::string to_string(const PersistentRecord& record) {
  return fmt::format("{}. TXT \"{}\"", record.name, record.value);
}

std::vector<std::string> known_issuers(const Context& context) {
  const config::CaConfig& ca = context.config.ca;
  std::vector<std::string> issuers = context.accounts.find_caa_identities(ca.directory_url);
  return issuers.empty() ? ca.caa_identities : issuers;
}

std::optional<PersistentRecord> find_persistent_record(const Context& context, const std::string& name) {
  if (context.config.challenge.method_for(name).type != config::ChallengeMethod::Type::dns_persist_01)
    return std::nullopt;
  const auto account = context.accounts.find(context.config.ca.directory_url);
  const std::vector<std::string> issuers = known_issuers(context);
  if (!account || account->url.empty() || account->deactivated || issuers.empty()) return std::nullopt;
  return make_persistent_record(name, issuers.front(), account->url);
}

std::vector<PersistentRecord> find_persistent_records(const Context& context) {
  std::set<std::string> names;
  for (const std::string& certificate : context.certificates.known_names())
    for (const std::string& name : context.certificates.load_state(certificate).desired)
      names.insert(name);
  for (const dns::DnsName& name : context.config.extra_names)
    names.insert(name.ascii());
  std::vector<PersistentRecord> records;
  for (const std::string& name : names)
    if (auto record = find_persistent_record(context, name)) records.push_back(*std::move(record));
  return records;
}

}  // namespace mxcert::app
