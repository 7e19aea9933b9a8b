#include "mx/plan_warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace mxcert::mx {
namespace {

using dns::DnsName;
using Fate = SettledName::Fate;

/// In the order in which they come, each once.
class Warnings {
 public:
  void add(Warning warning) {
    if (said_.insert(warning).second) warnings_.push_back(std::move(warning));
  }
  void add(std::string code, const DnsName& subject, std::string_view what) {
    add({std::move(code), subject.ascii(), fmt::format("{} {}", dns::display_name(subject), what)});
  }
  std::vector<Warning> take() { return std::move(warnings_); }

 private:
  std::vector<Warning> warnings_;
  std::set<Warning> said_;
};

void warn_of_lookup(Warnings& warnings, const MxLookup& lookup) {
  const DnsName& domain = lookup.domain.name;
  for (const ServiceLookup& service : lookup.services)
    if (service.is_unknown())
      warnings.add(
          "service_unknown", domain,
          fmt::format("has a service {} that {}: nothing is added or dropped for it", service.service, service.reason));
  for (const Warning& warning : lookup.warnings)
    warnings.add(warning);
  if (lookup.is_unknown())
    warnings.add("domain_unknown", domain, fmt::format("{}: nothing is added or dropped for it", lookup.reason));
}

/// The CA connects to whichever address it likes, and finds another host there.
void warn_of_unproven(Warnings& warnings, const PlannedTarget& target, bool live) {
  const bool sibling = target.owner == Owner::sibling;
  warnings.add(
      sibling ? "sibling" : "partly_ours", target.host,
      fmt::format("{}: {}, and the CA may look for the answer to its challenge on any of them; use dns-01 for it, "
                  "or {}",
                  live ? "stays in the certificate, but its renewal may fail" : "is left out", target.reason,
                  sibling ? "list the sibling's address as hosts.addresses if what the CA asks there is answered here"
                          : "list the others as hosts.addresses if they lead here too, or take them out of the DNS"));
}

void warn_of_unknown(Warnings& warnings, const PlannedTarget& target, bool live) {
  warnings.add(
      live ? "name_kept" : "host_unknown", target.host,
      fmt::format("{}: {}", target.reason, live ? "it stays in the certificate that has it" : "it is not ordered now"));
}

void warn_of_targets(Warnings& warnings, const std::vector<PlannedTarget>& targets, const Wanted& wanted,
                     const NameSet& live) {
  for (const PlannedTarget& target : targets) {
    const Use use = wanted.uses.at(target.host);
    if (use == Use::unproven) warn_of_unproven(warnings, target, covers(live, target.host));
    if (use == Use::unknown) warn_of_unknown(warnings, target, covers(live, target.host));
  }
}

void warn_of_settled(Warnings& warnings, const DnsName& name, const SettledName& settled) {
  if (settled.fate == Fate::kept)
    warnings.add("name_kept", name, fmt::format("stays in the certificate: {}", settled.reason));
  if (settled.fate == Fate::missing)
    warnings.add("name_missing", name,
                 fmt::format("stays in its certificate until {}, unless it comes back: {}", format_time(settled.until),
                             settled.reason));
}

void warn_of_new(Warnings& warnings, const NewNames& fresh, const Plan& plan) {
  NameSet ordered;
  for (const PlannedCertificate& certificate : plan.certificates)
    ordered.insert(certificate.names.begin(), certificate.names.end());
  for (const DnsName& name : fresh.first_seen)
    if (!ordered.contains(name))
      warnings.add("name_new", name, "is new, and ordered when the next run sees it too; mxcert issue orders it now");
}

void warn_of_sni(Warnings& warnings, const Plan& plan, const WantedNames& wanted) {
  if (plan.certificates.size() < 2) return;
  const PlannedCertificate& shown = plan.certificates.front();
  warnings.add({"sni_needed", shown.name,
                fmt::format("{} is the default certificate, with {} of {}: senders that send no SNI, among them "
                            "Postfix outside DANE, see no other",
                            shown.name, shown.names.size() + shown.postponed.size(), count_of(wanted.size(), "name"))});
}

using PlannedByName = std::map<std::string_view, const PlannedCertificate*>;

PlannedByName by_name(const std::vector<PlannedCertificate>& certificates) {
  PlannedByName planned;
  for (const PlannedCertificate& certificate : certificates)
    planned.emplace(certificate.name, &certificate);
  return planned;
}

void warn_of_unplanned(Warnings& warnings, const PlanInput& input, const PlannedByName& planned) {
  if (planned.empty()) return;
  for (const CurrentCertificate& current : input.current)
    if (!planned.contains(current.name))
      warnings.add({"certificate_unplanned", current.name,
                    fmt::format("certificate {} is not renewed any more: no name is planned for it", current.name)});
}

/// Of a name on it that is not wanted any more.
std::string what_becomes_of(const CurrentCertificate& current, const PlannedByName& planned) {
  const auto found = planned.find(current.name);
  const auto end = current.not_after();
  if (found == planned.end())
    return fmt::format("stays on certificate {} until {} and is not renewed", current.name,
                       end ? format_time(*end) : "its end");
  if (found->second->action == Action::none)
    return fmt::format("goes from certificate {} at its next renewal", current.name);
  return fmt::format("is not in the new certificate {}", current.name);
}

void warn_of_dropped(Warnings& warnings, const PlanInput& input, const SettledNames& settled,
                     const PlannedByName& planned) {
  std::multimap<std::string_view, const CurrentCertificate*> holders;  // as they are in the input, for each name
  for (const CurrentCertificate& current : input.current)
    if (!current.unplanned)
      for (const std::string& name : current.names())
        holders.emplace(name, &current);
  for (const auto& [name, one] : settled.names) {
    if (one.fate != Fate::dropped) continue;
    const auto [begin, end] = holders.equal_range(name.ascii());
    for (auto holder = begin; holder != end; ++holder)
      warnings.add("name_dropped", name, fmt::format("{}: {}", what_becomes_of(*holder->second, planned), one.reason));
  }
}

/// The usual reason for a plan without names: the public addresses are the router's.
void warn_of_private_addresses(Warnings& warnings, const HostRules& rules, const Owners& owners) {
  const auto any = [&](Owner owner) {
    return std::ranges::any_of(owners, [&](const auto& entry) { return entry.second.owner == owner; });
  };
  const bool any_public = std::ranges::any_of(rules.local_addresses, &dns::IpAddress::is_global);
  if (any_public || any(Owner::ours) || !any(Owner::foreign) || !rules.addresses.empty()) return;
  warnings.add({"only_private_addresses", "hosts.addresses",
                "this host has private addresses only: if mail reaches it through NAT or a load balancer, list the "
                "public addresses as hosts.addresses"});
}

}  // namespace

std::vector<Warning> find_warnings(const PlanInput& input, const Plan& plan, const NameStates& states) {
  Warnings warnings;
  for (const MxLookup& lookup : input.lookups)
    warn_of_lookup(warnings, lookup);
  for (const PlannedDomain& domain : plan.domains) {
    warn_of_targets(warnings, domain.targets, states.wanted, states.live);
    for (const PlannedService& service : domain.services)
      warn_of_targets(warnings, service.targets, states.wanted, states.live);
  }
  for (const auto& [name, settled] : states.settled.names)
    warn_of_settled(warnings, name, settled);
  warn_of_new(warnings, states.fresh, plan);
  warn_of_sni(warnings, plan, states.wanted.names);
  const PlannedByName planned = by_name(plan.certificates);
  warn_of_unplanned(warnings, input, planned);
  warn_of_dropped(warnings, input, states.settled, planned);
  warn_of_private_addresses(warnings, input.rules, states.owners);
  return warnings.take();
}

}  // namespace mxcert::mx
