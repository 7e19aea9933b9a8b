#include "mx/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "base/text.h"
#include "dns/wildcard.h"
#include "mx/certificate_plan.h"

namespace mxcert::mx {
namespace {

using dns::display_name;
using dns::DnsName;

/// The plan in the making.
class Planner {
 public:
  explicit Planner(const PlanInput& input)
      : input_(input), extra_(input.extra_names.begin(), input.extra_names.end()), memory_(input.history, input.now) {
    take_live_names();
  }

  Plan make() {
    describe_domains();
    want_names();
    settle_live_names();
    find_new_names();
    plan_certificates();
    warn_of_private_addresses();
    plan_.history = memory_.take();
    return std::move(plan_);
  }

 private:
  bool is_live(const DnsName& name) const { return live_.contains(name) || is_covered(name, live_); }

  void take_live_names() {
    for (const CurrentCertificate& current : input_.current)
      if (!current.unplanned) live_.merge(parse_names(current.names));
  }

  void warn(std::string code, const DnsName& subject, std::string_view what) {
    add_warning({std::move(code), subject.ascii(), fmt::format("{} {}", display_name(subject), what)});
  }
  void add_warning(Warning warning) {
    if (warned_.insert(warning).second) plan_.warnings.push_back(std::move(warning));
  }

  const Ownership& owner_of(const MxTarget& target) {
    const auto known = owners_.find(target.host);
    if (known != owners_.end()) return known->second;
    return owners_.emplace(target.host, decide_owner(target.host, target.lookup, input_.rules)).first->second;
  }

  void describe_domains() {
    for (const MxLookup& lookup : input_.lookups) {
      PlannedDomain domain{.domain = lookup.domain.name,
                           .source = lookup.domain.source,
                           .other_sources = lookup.domain.other_sources,
                           .status = lookup.status,
                           .dnssec = lookup.security,
                           .reason = lookup.reason};
      for (const MxTarget& target : lookup.targets)
        domain.targets.push_back(describe(target));
      for (const ServiceLookup& service : lookup.services)
        domain.services.push_back(describe(lookup, service));
      plan_.domains.push_back(std::move(domain));
      for (const Warning& warning : lookup.warnings)
        add_warning(warning);
      if (lookup.is_unknown())
        warn("domain_unknown", lookup.domain.name,
             fmt::format("{}: nothing is added or dropped for it", lookup.reason));
    }
  }

  PlannedService describe(const MxLookup& lookup, const ServiceLookup& service) {
    PlannedService described{
        .service = service.service, .status = service.status, .dnssec = service.security, .reason = service.reason};
    for (const MxTarget& target : service.targets)
      described.targets.push_back(describe(target));
    if (service.is_unknown())
      warn(
          "service_unknown", lookup.domain.name,
          fmt::format("has a service {} that {}: nothing is added or dropped for it", service.service, service.reason));
    return described;
  }

  PlannedTarget describe(const MxTarget& target) {
    const Ownership& ownership = owner_of(target);
    return {.host = target.host,
            .preference = target.preference,
            .implicit = target.implicit,
            .owner = ownership.owner,
            .addresses = target.lookup.addresses,
            .dnssec = target.lookup.security,
            .canonical = target.lookup.canonical,
            .reason = ownership.reason};
  }

  void want_names() {
    for (const PlannedDomain& domain : plan_.domains) {
      for (const PlannedTarget& target : domain.targets)
        if (is_wanted(target)) want(target);
      for (const PlannedService& service : domain.services)
        for (const PlannedTarget& target : service.targets)
          if (is_wanted(target)) wanted_.try_emplace(target.host);
    }
    want_canonical_names();
    for (const DnsName& name : extra_)
      wanted_.try_emplace(name);
    leave_to_wildcards();
  }

  /// CAs refuse a certificate for a name and for the wildcard that covers it.
  void leave_to_wildcards() {
    for (auto entry = wanted_.begin(); entry != wanted_.end();) {
      const auto wildcard = dns::find_wildcard_over(entry->first);
      const auto covering = wildcard ? wanted_.find(*wildcard) : wanted_.end();
      if (covering == wanted_.end()) {
        ++entry;
        continue;
      }
      Demand& demand = covering->second;
      if (entry->second.domains > 0)
        demand.preference =
            demand.domains == 0 ? entry->second.preference : std::min(demand.preference, entry->second.preference);
      demand.domains += entry->second.domains;
      covered_[*wildcard].push_back(entry->first);
      entry = wanted_.erase(entry);
    }
  }

  void want(const PlannedTarget& target) {
    Demand& demand = wanted_[target.host];
    demand.preference = demand.domains == 0 ? target.preference : std::min(demand.preference, target.preference);
    ++demand.domains;
  }

  /// Where aliases lead to: has the addresses of the alias, but may be excluded by name.
  void want_canonical_names() {
    for (const MxLookup& lookup : input_.lookups) {
      want_canonical_names(lookup.targets);
      for (const ServiceLookup& service : lookup.services)
        want_canonical_names(service.targets);
    }
  }

  void want_canonical_names(std::span<const MxTarget> targets) {
    for (const MxTarget& target : targets)
      if (const auto& canonical = target.lookup.canonical;
          canonical && can_be_proven(owner_of(target).owner, target.host) &&
          can_be_proven(decide_owner(*canonical, target.lookup, input_.rules).owner, *canonical)) {
        wanted_.try_emplace(*canonical);
        aliases_.emplace(target.host, *canonical);
      }
  }

  /// Whether the CA finds us wherever it may look.
  bool can_be_proven(Owner owner, const DnsName& host) const {
    if (owner == Owner::ours || is_covered(host, extra_)) return true;
    const bool some_elsewhere = owner == Owner::partly_ours || owner == Owner::sibling;
    return some_elsewhere && input_.needs_all_addresses && !input_.needs_all_addresses(host);
  }

  bool is_wanted(const PlannedTarget& target) {
    switch (target.owner) {
      case Owner::ours:
      case Owner::sibling:
      case Owner::partly_ours:
        return can_be_proven(target.owner, target.host) || is_wanted_unproven(target);
      case Owner::unknown:
        return is_wanted_unknown(target);
      case Owner::foreign:
      case Owner::unresolvable:
        return false;
    }
    return false;
  }

  /// The CA connects to whichever address it likes, and finds another host there.
  bool is_wanted_unproven(const PlannedTarget& target) {
    const bool live = is_live(target.host);
    const bool sibling = target.owner == Owner::sibling;
    warn(
        sibling ? "sibling" : "partly_ours", target.host,
        fmt::format("{}: {}, and the CA may look for the answer to its challenge on any of them; use dns-01 for it, "
                    "or {}",
                    live ? "stays in the certificate, but its renewal may fail" : "is left out", target.reason,
                    sibling ? "list the sibling's address as hosts.addresses if what the CA asks there is answered here"
                            : "list the others as hosts.addresses if they lead here too, or take them out of the DNS"));
    return live;
  }

  bool is_wanted_unknown(const PlannedTarget& target) {
    const bool live = is_live(target.host);
    if (live) unsure_.insert(target.host);
    warn(live ? "name_kept" : "host_unknown", target.host,
         fmt::format("{}: {}", target.reason,
                     live ? "it stays in the certificate that has it" : "it is not ordered now"));
    return live;
  }

  /// A domain whose hosts are not known, else a host that may be an alias of any other.
  std::optional<DnsName> find_unknown() const {
    for (const MxLookup& lookup : input_.lookups)
      if (lookup.is_unknown() || std::ranges::any_of(lookup.services, &ServiceLookup::is_unknown))
        return lookup.domain.name;
    for (const MxLookup& lookup : input_.lookups) {
      if (const MxTarget* target = find_unknown(lookup.targets)) return target->host;
      for (const ServiceLookup& service : lookup.services)
        if (const MxTarget* target = find_unknown(service.targets)) return target->host;
    }
    return std::nullopt;
  }

  static const MxTarget* find_unknown(std::span<const MxTarget> targets) {
    const auto found = std::ranges::find_if(targets, [](const MxTarget& target) { return target.lookup.is_unknown(); });
    return found == targets.end() ? nullptr : &*found;
  }

  /// Laws 1 and 2: what a live certificate has stays, unless every answer that could ask for it is definite.
  void settle_live_names() {
    const std::optional<DnsName> unknown = find_unknown();
    for (const DnsName& name : live_) {
      if (wanted_.contains(name)) {
        if (unsure_.contains(name)) memory_.keep(name);
        continue;
      }
      if (is_covered(name, extra_)) continue;
      const auto owner = owners_.find(name);
      if (owner != owners_.end()) {
        settle_absent(name, owner->second.reason);
      } else if (dns::is_wildcard(name)) {
        dropped_.emplace(name, "extra_names does not have it any more");
      } else if (unknown) {
        wanted_.try_emplace(name);
        memory_.keep(name);
        warn("name_kept", name,
             fmt::format("stays in the certificate: {} may lead to it, but could not be looked up",
                         display_name(*unknown)));
      } else {
        settle_absent(name, "no mail domain has it as its MX host any more");
      }
    }
  }

  /// A definite answer: the name is kept until it has been the same for long enough.
  void settle_absent(const DnsName& name, const std::string& reason) {
    const SystemTime until = memory_.note_absent(name, input_.keep_for, input_.prune != Prune::no);
    if (input_.now >= until || is_excluded(name)) {
      dropped_.emplace(name, reason);
      return;
    }
    wanted_.try_emplace(name);
    absent_.insert(name);
    warn("name_missing", name,
         fmt::format("stays in its certificate until {}, unless it comes back: {}", format_time(until), reason));
  }

  /// The administrator's word.
  bool is_excluded(const DnsName& name) const {
    return std::ranges::any_of(input_.rules.exclude, [&](const HostPattern& pattern) { return pattern.matches(name); });
  }

  /// Names that are on no certificate yet: which of them no earlier plan has wanted.
  void find_new_names() {
    std::set<std::string_view> known;
    for (const CurrentCertificate& current : input_.current)
      known.insert(current.desired.begin(), current.desired.end());
    for (const TriedCertificate& tried : input_.tried)
      known.insert(tried.desired.begin(), tried.desired.end());
    const bool may_wait = input_.wait_for_second_sight && !input_.current.empty();
    for (const auto& [name, demand] : wanted_) {
      if (is_live(name)) continue;
      if (!may_wait || known.contains(name.ascii()))
        memory_.keep_seen(name);
      else if (!memory_.note_seen(name))
        first_seen_.insert(name);
    }
    for (const auto& [name, history] : memory_.before())
      if (!is_live(name) && !wanted_.contains(name) && is_unknown(name)) memory_.keep_seen(name);
  }

  bool is_unknown(const DnsName& name) const {
    const auto owner = owners_.find(name);
    return owner != owners_.end() ? owner->second.owner == Owner::unknown : find_unknown().has_value();
  }

  // ---- certificates -------------------------------------------------------------------------------------------------

  void plan_certificates() {
    const NameStates states{
        .wanted = wanted_, .absent = absent_, .dropped = dropped_, .covered = covered_, .first_seen = first_seen_};
    for (const PackedCertificate& packed : pack_names(wanted_, packing_input()))
      if (auto certificate = plan_certificate(input_, packed, states))
        plan_.certificates.push_back(std::move(*certificate));
    warn_of_new();
    if (plan_.certificates.size() > 1) warn_of_sni();
    if (!plan_.certificates.empty()) warn_of_unplanned();
    for (const auto& [name, reason] : dropped_)
      warn_of_dropped(name, reason);
  }

  PackingInput packing_input() const {
    PackingInput packing{.pack = input_.pack,
                         .max_names = input_.max_names,
                         .groups = new_groups(),
                         .aliases = aliases_,
                         .extra_names = input_.extra_names};
    for (const CurrentCertificate& current : input_.current)
      if (!current.unplanned)
        packing.stored.push_back({.name = current.name,
                                  .names = parse_names(current.names),
                                  .assigned = parse_names(current.desired),
                                  .is_default = current.is_default});
    for (const TriedCertificate& tried : input_.tried)
      if (const auto own = DnsName::parse_host(tried.name); own && wanted_.contains(*own))
        packing.stored.push_back(
            {.name = tried.name, .assigned = parse_names(tried.desired), .is_default = tried.is_default});
    return packing;
  }

  /// What domains lead to that lead to a name that is on no certificate yet.
  std::vector<std::vector<DnsName>> new_groups() const {
    std::vector<std::vector<DnsName>> groups;
    if (input_.current.empty() && input_.tried.empty()) return groups;
    for (const PlannedDomain& domain : plan_.domains) {
      std::vector<DnsName> names;
      add_new_names(domain.targets, names);
      for (const PlannedService& service : domain.services)
        add_new_names(service.targets, names);
      if (!names.empty()) groups.push_back(std::move(names));
    }
    return groups;
  }

  void add_new_names(std::span<const PlannedTarget> targets, std::vector<DnsName>& names) const {
    for (const PlannedTarget& target : targets)
      for (const auto& name : {std::optional(target.host), target.canonical})
        if (name && wanted_.contains(*name) && !is_live(*name)) names.push_back(*name);
  }

  void warn_of_new() {
    for (const DnsName& name : first_seen_)
      if (std::ranges::none_of(plan_.certificates, [&](const PlannedCertificate& certificate) {
            return std::ranges::find(certificate.names, name) != certificate.names.end();
          }))
        warn("name_new", name, "is new, and ordered when the next run sees it too; mxcert issue orders it now");
  }

  void warn_of_sni() {
    const PlannedCertificate& shown = plan_.certificates.front();
    add_warning(
        {"sni_needed", shown.name,
         fmt::format("{} is the default certificate, with {} of {}: senders that send no SNI, among them "
                     "Postfix outside DANE, see no other",
                     shown.name, shown.names.size() + shown.postponed.size(), count_of(wanted_.size(), "name"))});
  }

  const PlannedCertificate* find_planned(const std::string& name) const {
    const auto found = std::ranges::find(plan_.certificates, name, &PlannedCertificate::name);
    return found == plan_.certificates.end() ? nullptr : &*found;
  }

  void warn_of_unplanned() {
    for (const CurrentCertificate& current : input_.current)
      if (find_planned(current.name) == nullptr)
        add_warning({"certificate_unplanned", current.name,
                     fmt::format("certificate {} is not renewed any more: no name is planned for it", current.name)});
  }

  void warn_of_dropped(const DnsName& name, const std::string& reason) {
    for (const CurrentCertificate& current : input_.current)
      if (!current.unplanned && std::ranges::find(current.names, name.ascii()) != current.names.end())
        warn("name_dropped", name, fmt::format("{}: {}", what_becomes_of(current), reason));
  }

  /// Of a name on it that is not wanted any more.
  std::string what_becomes_of(const CurrentCertificate& current) const {
    const PlannedCertificate* planned = find_planned(current.name);
    if (planned == nullptr)
      return fmt::format("stays on certificate {} until {} and is not renewed", current.name,
                         current.not_after ? format_time(*current.not_after) : "its end");
    if (planned->action == Action::none)
      return fmt::format("goes from certificate {} at its next renewal", current.name);
    return fmt::format("is not in the new certificate {}", current.name);
  }

  /// The usual reason for a plan without names: the public addresses are the router's.
  void warn_of_private_addresses() {
    const auto& local = input_.rules.local_addresses;
    const bool any_public = std::ranges::any_of(local, &dns::IpAddress::is_global);
    const bool any_ours =
        std::ranges::any_of(owners_, [](const auto& entry) { return entry.second.owner == Owner::ours; });
    const bool any_foreign =
        std::ranges::any_of(owners_, [](const auto& entry) { return entry.second.owner == Owner::foreign; });
    if (any_public || any_ours || !any_foreign || !input_.rules.addresses.empty()) return;
    add_warning({"only_private_addresses", "hosts.addresses",
                 "this host has private addresses only: if mail reaches it through NAT or a load balancer, list the "
                 "public addresses as hosts.addresses"});
  }

  const PlanInput& input_;
  const std::set<DnsName> extra_;
  Plan plan_;
  std::set<DnsName> live_;
  std::map<DnsName, Ownership> owners_;
  WantedNames wanted_;
  std::map<DnsName, std::vector<DnsName>> covered_;  // of wildcards, names that would be wanted without them
  std::map<DnsName, DnsName> aliases_;               // of ours, to where they lead if that is ours too
  std::map<DnsName, std::string> dropped_;           // and why they are not wanted
  NameMemory memory_;
  std::set<DnsName> unsure_;      // wanted because they are live and nothing is known
  std::set<DnsName> absent_;      // wanted because they are live and have not been missing for long
  std::set<DnsName> first_seen_;  // wanted, on no certificate yet, and by no plan before
  std::set<Warning> warned_;
};

}  // namespace

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

Plan plan_certificates(const PlanInput& input) {
  return Planner(input).make();
}

std::string_view to_string(Action action) {
  switch (action) {
    case Action::issue:
      return "issue";
    case Action::renew:
      return "renew";
    case Action::replace:
      return "replace";
    case Action::none:
      return "none";
  }
  return "?";
}

}  // namespace mxcert::mx
