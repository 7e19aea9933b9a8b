#include "mx/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "base/text.h"

namespace mxcert::mx {
namespace {

using dns::display_name;
using dns::DnsName;

std::set<DnsName> parse_names(const std::vector<std::string>& texts) {
  std::set<DnsName> names;
  for (const std::string& text : texts)
    if (auto name = DnsName::parse_host(text)) names.insert(std::move(*name));
  return names;
}

struct DroppedName {
  DnsName name;
  std::string reason;
};

/// The plan in the making.
class Planner {
 public:
  explicit Planner(const PlanInput& input) : input_(input) { take_live_names(); }

  Plan make() {
    describe_domains();
    want_names();
    settle_live_names();
    plan_certificates();
    warn_of_private_addresses();
    return std::move(plan_);
  }

 private:
  bool is_live(const DnsName& name) const { return live_.contains(name); }

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
    for (const DnsName& name : input_.extra_names)
      wanted_.try_emplace(name);
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
    if (owner == Owner::ours) return true;
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

  /// Laws 1 and 2: what the live certificate has stays, unless every answer that could ask for it is definite.
  void settle_live_names() {
    const std::optional<DnsName> unknown = find_unknown();
    for (const DnsName& name : live_) {
      if (wanted_.contains(name)) continue;
      const auto owner = owners_.find(name);
      if (owner != owners_.end()) {
        dropped_.push_back({name, owner->second.reason});
      } else if (unknown) {
        wanted_.try_emplace(name);
        warn("name_kept", name,
             fmt::format("stays in the certificate: {} may lead to it, but could not be looked up",
                         display_name(*unknown)));
      } else {
        dropped_.push_back({name, "no mail domain has it as its MX host any more"});
      }
    }
  }

  // ---- certificates -------------------------------------------------------------------------------------------------

  void plan_certificates() {
    for (const PackedCertificate& packed : pack_names(wanted_, packing_input()))
      plan_.certificates.push_back(plan_certificate(packed));
    if (plan_.certificates.size() > 1) warn_of_sni();
    if (!plan_.certificates.empty()) warn_of_unplanned();
    for (const DroppedName& dropped : dropped_)
      warn_of_dropped(dropped);
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

  PlannedCertificate plan_certificate(const PackedCertificate& packed) const {
    PlannedCertificate certificate{.name = packed.name, .names = packed.names, .is_default = packed.is_default};
    const CurrentCertificate* current = find_current(packed.name);
    const std::set<DnsName> live = current != nullptr ? parse_names(current->names) : std::set<DnsName>();
    std::ranges::copy_if(live, std::back_inserter(certificate.moved), [&](const DnsName& name) {
      return wanted_.contains(name) && std::ranges::find(packed.names, name) == packed.names.end();
    });
    postpone_names(certificate, live);
    const auto own = std::ranges::find(certificate.names, certificate.name, &DnsName::ascii);
    if (own != certificate.names.end()) std::rotate(certificate.names.begin(), own, own + 1);
    decide_action(certificate, current, live);
    return certificate;
  }

  const CurrentCertificate* find_current(const std::string& name) const {
    const auto found = std::ranges::find(input_.current, name, &CurrentCertificate::name);
    return found == input_.current.end() ? nullptr : &*found;
  }

  /// What failed a short while ago must not keep the others waiting; but where nothing else is left it is tried.
  void postpone_names(PlannedCertificate& certificate, const std::set<DnsName>& live) const {
    const auto is_postponed = [&](const DnsName& name) {
      return input_.postponed.contains(name) && !live.contains(name);
    };
    if (std::ranges::all_of(certificate.names, is_postponed)) return;
    const auto rest = std::ranges::stable_partition(certificate.names, std::not_fn(is_postponed));
    certificate.postponed.assign(rest.begin(), rest.end());
    certificate.names.erase(rest.begin(), rest.end());
  }

  std::string expiry(const CurrentCertificate& current) const {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(current.not_after - input_.now);
    if (left.count() <= 0) return fmt::format("it expired {} ago", format_duration(-left));
    return fmt::format("it expires in {}", format_duration(left));
  }

  std::string why_due(const CurrentCertificate& current) const {
    return current.renew_why.empty() ? expiry(current) : fmt::format("{}, and {}", current.renew_why, expiry(current));
  }

  void decide_action(PlannedCertificate& certificate, const CurrentCertificate* current,
                     const std::set<DnsName>& live) const {
    if (current == nullptr) {
      certificate.action = Action::issue;
      certificate.why = "there is no certificate yet";
      return;
    }
    certificate.not_after = current->not_after;
    std::vector<std::string> missing;
    for (const DnsName& name : certificate.names)
      if (!live.contains(name)) missing.push_back(name.unicode());
    const bool due = input_.now > current->renew_at;
    if (!missing.empty()) {
      certificate.action = Action::replace;
      certificate.why = fmt::format("it lacks {}", join(missing, ", "));
      if (due) certificate.why += " and " + expiry(*current);
    } else if (!current->unwanted.empty()) {
      certificate.action = Action::replace;
      certificate.why = current->unwanted;
    } else {
      certificate.action = due ? Action::renew : Action::none;
      certificate.why = due ? why_due(*current) : fmt::format("it has every name, and {}", expiry(*current));
    }
  }

  void warn_of_sni() {
    const PlannedCertificate& shown = plan_.certificates.front();
    add_warning({"sni_needed", shown.name,
                 fmt::format("{} is the default certificate, with {} of {}: senders that send no SNI, among them "
                             "Postfix outside DANE, see no other",
                             shown.name, shown.wanted_names().size(), count_of(wanted_.size(), "name"))});
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

  void warn_of_dropped(const DroppedName& dropped) {
    for (const CurrentCertificate& current : input_.current)
      if (!current.unplanned && std::ranges::find(current.names, dropped.name.ascii()) != current.names.end())
        warn("name_dropped", dropped.name, fmt::format("{}: {}", what_becomes_of(current), dropped.reason));
  }

  /// Of a name on it that is not wanted any more.
  std::string what_becomes_of(const CurrentCertificate& current) const {
    const PlannedCertificate* planned = find_planned(current.name);
    if (planned == nullptr)
      return fmt::format("stays on certificate {} until {} and is not renewed", current.name,
                         format_time(current.not_after));
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
  Plan plan_;
  std::set<DnsName> live_;
  std::map<DnsName, Ownership> owners_;
  WantedNames wanted_;
  std::map<DnsName, DnsName> aliases_;  // of ours, to where they lead if that is ours too
  std::vector<DroppedName> dropped_;
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
  for (const DnsName& host : postponed)
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
