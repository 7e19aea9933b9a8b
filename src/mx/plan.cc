#include "mx/plan.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "base/name_table.h"
#include "mx/certificate_plan.h"
#include "mx/names_over_time.h"
#include "mx/plan_warnings.h"
#include "mx/planned_domains.h"
#include "mx/wanted_names.h"

namespace mxcert::mx {
namespace {

using dns::DnsName;

NameSet live_names(const std::vector<CurrentCertificate>& certificates) {
  NameSet live;
  for (const CurrentCertificate& current : certificates)
    if (!current.unplanned) live.merge(parse_names(current.names()));
  return live;
}

void keep_settled(WantedNames& wanted, const SettledNames& settled) {
  for (const auto& [name, one] : settled.names)
    if (one.fate != SettledName::Fate::dropped) wanted.try_emplace(name);
}

// ---- packing --------------------------------------------------------------------------------------------------------

void add_new_names(const std::vector<PlannedTarget>& targets, const NameStates& states, std::vector<DnsName>& names) {
  for (const PlannedTarget& target : targets)
    for (const auto& name : {std::optional(target.host), target.canonical})
      if (name && states.wanted.names.contains(*name) && !covers(states.live, *name)) names.push_back(*name);
}

/// What domains lead to that lead to a name that is on no certificate yet.
std::vector<std::vector<DnsName>> new_groups(const std::vector<PlannedDomain>& domains, const NameStates& states) {
  std::vector<std::vector<DnsName>> groups;
  for (const PlannedDomain& domain : domains) {
    std::vector<DnsName> names;
    add_new_names(domain.targets, states, names);
    for (const PlannedService& service : domain.services)
      add_new_names(service.targets, states, names);
    if (!names.empty()) groups.push_back(std::move(names));
  }
  return groups;
}

std::vector<StoredCertificate> stored_certificates(const PlanInput& input, const WantedNames& wanted) {
  std::vector<StoredCertificate> stored;
  for (const CurrentCertificate& current : input.current)
    if (!current.unplanned)
      stored.push_back({.name = current.name,
                        .names = parse_names(current.names()),
                        .assigned = parse_names(current.desired),
                        .is_default = current.is_default});
  for (const TriedCertificate& tried : input.tried)
    if (const auto own = DnsName::parse_host(tried.name); own && wanted.contains(*own))
      stored.push_back({.name = tried.name, .assigned = parse_names(tried.desired), .is_default = tried.is_default});
  return stored;
}

std::vector<PackedCertificate> pack(const PlanInput& input, const Plan& plan, const NameStates& states) {
  const bool is_first = input.current.empty() && input.tried.empty();
  const WantedNames& wanted = states.wanted.names;
  return pack_names(wanted,
                    {.pack = input.pack,
                     .max_names = input.max_names,
                     .groups = is_first ? std::vector<std::vector<DnsName>>() : new_groups(plan.domains, states),
                     .aliases = states.wanted.aliases,
                     .extra_names = input.extra_names,
                     .stored = stored_certificates(input, wanted)});
}

// ---------------------------------------------------------------------------------------------------------------------

std::vector<PlannedCertificate> plan_each(const PlanInput& input, const std::vector<PackedCertificate>& packed,
                                          const NameStates& states) {
  std::map<std::string_view, const CurrentCertificate*> current;
  for (const CurrentCertificate& one : input.current)
    current.emplace(one.name, &one);
  std::vector<PlannedCertificate> planned;
  for (const PackedCertificate& one : packed) {
    const auto found = current.find(one.name);
    if (auto certificate = plan_certificate(input, found != current.end() ? found->second : nullptr, one, states))
      planned.push_back(std::move(*certificate));
  }
  return planned;
}

constexpr auto action_names = name_table<Action>({
    {Action::issue, "issue"},
    {Action::renew, "renew"},
    {Action::replace, "replace"},
    {Action::none, "none"},
});

}  // namespace

Plan plan_certificates(const PlanInput& input) {
  const Owners owners = decide_owners(input.lookups, input.rules);
  Plan plan{.domains = describe_domains(input.lookups, owners)};
  const NameSet live = live_names(input.current);
  Wanted wanted = find_wanted_names(input, owners, live);
  SettledNames settled = settle_live_names(input, live, owners, wanted.names);
  keep_settled(wanted.names, settled);
  NewNames fresh = find_new_names(input, live, owners, wanted.names);
  const NameStates states{.live = live, .owners = owners, .wanted = wanted, .settled = settled, .fresh = fresh};
  plan.certificates = plan_each(input, pack(input, plan, states), states);
  plan.warnings = find_warnings(input, plan, states);
  plan.history = std::move(settled.history);
  plan.history.merge(fresh.history);
  return plan;
}

const std::vector<std::string>& CurrentCertificate::names() const {
  static const std::vector<std::string> none;
  return parts.empty() ? none : parts.front().names;
}

std::optional<SystemTime> CurrentCertificate::not_after() const {
  std::optional<SystemTime> first;
  for (const CurrentPart& part : parts) {
    if (!part.not_after) return std::nullopt;
    first = std::min(first.value_or(*part.not_after), *part.not_after);
  }
  return first;
}

std::vector<std::string> PlannedCertificate::ascii_names() const {
  std::vector<std::string> texts;
  texts.reserve(names.size());
  for (const DnsName& host : names)
    texts.push_back(host.ascii());
  return texts;
}

std::vector<std::string> PlannedCertificate::wanted_names() const {
  std::vector<std::string> texts = ascii_names();
  for (const std::vector<DnsName>* others : {&postponed, &unconfirmed, &covered})
    for (const DnsName& host : *others)
      texts.push_back(host.ascii());
  return texts;
}

std::string_view to_string(Action action) {
  return name_of(action_names, action);
}

}  // namespace mxcert::mx
