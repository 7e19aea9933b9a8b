#include "mx/planned_domains.h"

namespace mxcert::mx {
namespace {

void add_owners(Owners& owners, const std::vector<MxTarget>& targets, const HostRules& rules) {
  for (const MxTarget& target : targets)
    if (!owners.contains(target.host)) owners.emplace(target.host, decide_owner(target.host, target.lookup, rules));
}

std::vector<PlannedTarget> describe(const std::vector<MxTarget>& targets, const Owners& owners) {
  std::vector<PlannedTarget> described;
  described.reserve(targets.size());
  for (const MxTarget& target : targets) {
    const Ownership& ownership = owners.at(target.host);
    described.push_back({.host = target.host,
                         .preference = target.preference,
                         .implicit = target.implicit,
                         .owner = ownership.owner,
                         .addresses = target.lookup.addresses,
                         .dnssec = target.lookup.security,
                         .canonical = target.lookup.canonical,
                         .reason = ownership.reason});
  }
  return described;
}

PlannedDomain describe(const MxLookup& lookup, const Owners& owners) {
  PlannedDomain domain{.domain = lookup.domain.name,
                       .source = lookup.domain.source,
                       .other_sources = lookup.domain.other_sources,
                       .status = lookup.status,
                       .dnssec = lookup.security,
                       .targets = describe(lookup.targets, owners),
                       .reason = lookup.reason};
  for (const ServiceLookup& service : lookup.services)
    domain.services.push_back({.service = service.service,
                               .status = service.status,
                               .dnssec = service.security,
                               .targets = describe(service.targets, owners),
                               .reason = service.reason});
  return domain;
}

}  // namespace

Owners decide_owners(const std::vector<MxLookup>& lookups, const HostRules& rules) {
  Owners owners;
  for (const MxLookup& lookup : lookups) {
    add_owners(owners, lookup.targets, rules);
    for (const ServiceLookup& service : lookup.services)
      add_owners(owners, service.targets, rules);
  }
  return owners;
}

std::vector<PlannedDomain> describe_domains(const std::vector<MxLookup>& lookups, const Owners& owners) {
  std::vector<PlannedDomain> domains;
  domains.reserve(lookups.size());
  for (const MxLookup& lookup : lookups)
    domains.push_back(describe(lookup, owners));
  return domains;
}

}  // namespace mxcert::mx
