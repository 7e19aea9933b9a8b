#include "mx/wanted_names.h"

#include <algorithm>
#include <functional>

#include "dns/wildcard.h"

namespace mxcert::mx {
namespace {

using dns::DnsName;

/// What a CA can be shown.
struct Provability {
  NameSet extra;  // the administrator knows
  const std::function<bool(const DnsName&)>& needs_all_addresses;

  /// Whether the CA finds us wherever it may look.
  bool is_provable(Owner owner, const DnsName& host) const {
    if (owner == Owner::ours || has_wildcard_over(extra, host)) return true;
    const bool some_elsewhere = owner == Owner::partly_ours || owner == Owner::sibling;
    return some_elsewhere && needs_all_addresses && !needs_all_addresses(host);
  }
};

Use use_of(const DnsName& host, Owner owner, const Provability& provability) {
  switch (owner) {
    case Owner::ours:
    case Owner::sibling:
    case Owner::partly_ours:
      return provability.is_provable(owner, host) ? Use::wanted : Use::unproven;
    case Owner::unknown:
      return Use::unknown;
    case Owner::foreign:
    case Owner::unresolvable:
      return Use::unwanted;
  }
  return Use::unwanted;
}

bool is_in(const Wanted& wanted, const NameSet& live, const DnsName& host) {
  const Use use = wanted.uses.at(host);
  return use == Use::wanted || (use != Use::unwanted && covers(live, host));
}

/// Of one domain more, or of those of a covered name.
void add_demand(Demand& demand, const Demand& more) {
  if (more.domains == 0) return;
  demand.preference = demand.domains == 0 ? more.preference : std::min(demand.preference, more.preference);
  demand.domains += more.domains;
}

void add_targets(Wanted& wanted, const std::vector<MxLookup>& lookups, const NameSet& live) {
  for (const MxLookup& lookup : lookups) {
    for (const MxTarget& target : lookup.targets)
      if (is_in(wanted, live, target.host))
        add_demand(wanted.names[target.host], {.domains = 1, .preference = target.preference});
    for (const ServiceLookup& service : lookup.services)
      for (const MxTarget& target : service.targets)
        if (is_in(wanted, live, target.host)) wanted.names.try_emplace(target.host);
  }
}

/// Where aliases lead to: has the addresses of the alias, but may be excluded by name.
void add_canonical_names(Wanted& wanted, const std::vector<MxTarget>& targets, const HostRules& rules,
                         const Owners& owners, const Provability& provability) {
  for (const MxTarget& target : targets)
    if (const auto& canonical = target.lookup.canonical;
        canonical && provability.is_provable(owners.at(target.host).owner, target.host) &&
        provability.is_provable(decide_owner(*canonical, target.lookup, rules).owner, *canonical)) {
      wanted.names.try_emplace(*canonical);
      wanted.aliases.emplace(target.host, *canonical);
    }
}

void leave_to_wildcards(Wanted& wanted) {
  for (auto entry = wanted.names.begin(); entry != wanted.names.end();) {
    const auto wildcard = dns::find_wildcard_over(entry->first);
    const auto covering = wildcard ? wanted.names.find(*wildcard) : wanted.names.end();
    if (covering == wanted.names.end()) {
      ++entry;
      continue;
    }
    add_demand(covering->second, entry->second);
    wanted.covered[*wildcard].push_back(entry->first);
    entry = wanted.names.erase(entry);
  }
}

}  // namespace

Wanted find_wanted_names(const PlanInput& input, const Owners& owners, const NameSet& live) {
  const Provability provability{.extra = NameSet(input.extra_names.begin(), input.extra_names.end()),
                                .needs_all_addresses = input.needs_all_addresses};
  Wanted wanted;
  for (const auto& [host, ownership] : owners)
    wanted.uses.emplace(host, use_of(host, ownership.owner, provability));
  add_targets(wanted, input.lookups, live);
  for (const MxLookup& lookup : input.lookups) {
    add_canonical_names(wanted, lookup.targets, input.rules, owners, provability);
    for (const ServiceLookup& service : lookup.services)
      add_canonical_names(wanted, service.targets, input.rules, owners, provability);
  }
  for (const DnsName& name : provability.extra)
    wanted.names.try_emplace(name);
  leave_to_wildcards(wanted);
  return wanted;
}

}  // namespace mxcert::mx
