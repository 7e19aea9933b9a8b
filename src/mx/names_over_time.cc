#include "mx/names_over_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "dns/wildcard.h"

namespace mxcert::mx {
namespace {

using dns::DnsName;
using Fate = SettledName::Fate;

const DnsName* find_unknown(const std::vector<MxTarget>& targets) {
  const auto found = std::ranges::find_if(targets, [](const MxTarget& target) { return target.lookup.is_unknown(); });
  return found == targets.end() ? nullptr : &found->host;
}

/// A domain whose hosts are not known, else a host that may be an alias of any other: null if every answer is definite.
const DnsName* find_unknown(const std::vector<MxLookup>& lookups) {
  for (const MxLookup& lookup : lookups)
    if (lookup.is_unknown() || std::ranges::any_of(lookup.services, &ServiceLookup::is_unknown))
      return &lookup.domain.name;
  for (const MxLookup& lookup : lookups) {
    if (const DnsName* host = find_unknown(lookup.targets)) return host;
    for (const ServiceLookup& service : lookup.services)
      if (const DnsName* host = find_unknown(service.targets)) return host;
  }
  return nullptr;
}

/// The administrator's word.
bool is_excluded(const DnsName& name, const HostRules& rules) {
  return std::ranges::any_of(rules.exclude, [&](const HostPattern& pattern) { return pattern.matches(name); });
}

const Ownership* find_owner(const Owners& owners, const DnsName& host) {
  const auto found = owners.find(host);
  return found == owners.end() ? nullptr : &found->second;
}

/// A definite answer: the name is kept until it has been the same for long enough.
SettledName settle_absent(const PlanInput& input, NameMemory& memory, const DnsName& name, std::string reason) {
  const SystemTime until = memory.note_absent(name, input.keep_for, input.prune != Prune::no);
  const bool is_over = input.now >= until || is_excluded(name, input.rules);
  return {.fate = is_over ? Fate::dropped : Fate::missing, .reason = std::move(reason), .until = until};
}

/// A name that no record of those that are known has.
SettledName settle_without_record(const PlanInput& input, NameMemory& memory, const DnsName& name,
                                  const DnsName* unknown) {
  if (dns::is_wildcard(name)) return {.fate = Fate::dropped, .reason = "extra_names does not have it any more"};
  if (unknown == nullptr) return settle_absent(input, memory, name, "no mail domain has it as its MX host any more");
  memory.keep(name);
  return {.fate = Fate::kept,
          .reason = fmt::format("{} may lead to it, but could not be looked up", dns::display_name(*unknown))};
}

}  // namespace

bool SettledNames::has(const DnsName& name, Fate fate) const {
  const auto found = names.find(name);
  return found != names.end() && found->second.fate == fate;
}

SettledNames settle_live_names(const PlanInput& input, const NameSet& live, const Owners& owners,
                               const WantedNames& wanted) {
  const NameSet extra(input.extra_names.begin(), input.extra_names.end());
  const DnsName* unknown = find_unknown(input.lookups);
  NameMemory memory(input.history, input.now);
  SettledNames settled;
  for (const DnsName& name : live) {
    const Ownership* owner = find_owner(owners, name);
    if (wanted.contains(name)) {
      if (owner != nullptr && owner->owner == Owner::unknown) memory.keep(name);
    } else if (!has_wildcard_over(extra, name)) {
      settled.names.emplace(name, owner != nullptr ? settle_absent(input, memory, name, owner->reason)
                                                   : settle_without_record(input, memory, name, unknown));
    }
  }
  settled.history = memory.take();
  return settled;
}

NewNames find_new_names(const PlanInput& input, const NameSet& live, const Owners& owners, const WantedNames& wanted) {
  std::set<std::string_view> known;
  for (const CurrentCertificate& current : input.current)
    known.insert(current.desired.begin(), current.desired.end());
  for (const TriedCertificate& tried : input.tried)
    known.insert(tried.desired.begin(), tried.desired.end());
  const bool may_wait = input.wait_for_second_sight && !input.current.empty();
  NameMemory memory(input.history, input.now);
  NewNames found;
  for (const auto& [name, demand] : wanted) {
    if (covers(live, name)) continue;
    if (!may_wait || known.contains(name.ascii()))
      memory.keep_seen(name);
    else if (!memory.note_seen(name))
      found.first_seen.insert(name);
  }
  const bool any_unknown = find_unknown(input.lookups) != nullptr;
  for (const auto& [name, history] : input.history) {
    const Ownership* owner = find_owner(owners, name);
    const bool is_unknown = owner != nullptr ? owner->owner == Owner::unknown : any_unknown;
    if (is_unknown && !covers(live, name) && !wanted.contains(name)) memory.keep_seen(name);
  }
  found.history = memory.take();
  return found;
}

}  // namespace mxcert::mx
