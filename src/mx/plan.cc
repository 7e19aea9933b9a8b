#include "mx/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace mxcert::mx {
namespace {

using dns::display_name;
using dns::DnsName;

/// How much a name is wanted: decides what a new certificate is called.
struct Demand {
  std::size_t domains = 0;
  std::uint16_t preference = 0;  // the lowest
};

/// Names that the next certificate has. Those that no mail domain asks for (extra names, kept names) have no domains.
using WantedNames = std::map<DnsName, Demand>;

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
    check_size();
    plan_certificate();
    warn_of_private_addresses();
    return std::move(plan_);
  }

 private:
  const CurrentCertificate* current() const { return input_.current.empty() ? nullptr : &input_.current.front(); }
  bool is_live(const DnsName& name) const { return live_.contains(name); }

  void take_live_names() {
    if (current() == nullptr) return;
    for (const std::string& text : current()->names)
      if (const auto name = DnsName::parse_host(text)) live_.insert(*name);
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
          can_be_proven(decide_owner(*canonical, target.lookup, input_.rules).owner, *canonical))
        wanted_.try_emplace(*canonical);
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

  void check_size() const {
    if (wanted_.size() <= input_.max_names) return;
    throw Error(fmt::format("{} belong in the certificate, but it may have {} at most",
                            count_of(wanted_.size(), "name"), input_.max_names),
                "raise certificate.max_names if the CA allows it, or list MX hosts to leave out as hosts.exclude",
                "too_many_names");
  }

  void plan_certificate() {
    for (std::size_t i = 1; i < input_.current.size(); ++i)
      add_warning({"certificate_unplanned", input_.current[i].name,
                   fmt::format("certificate {} is not renewed any more: all names are on {}", input_.current[i].name,
                               current()->name)});
    if (wanted_.empty()) return warn_of_empty_plan();
    PlannedCertificate certificate{.name = current() != nullptr ? current()->name : name_for_new()};
    postpone_names(certificate);
    certificate.names = ordered_names(certificate.name);
    decide_action(certificate);
    warn_of_dropped(certificate);
    plan_.certificates.push_back(std::move(certificate));
  }

  /// What failed a short while ago must not keep the others waiting; but where nothing else is left it is tried.
  void postpone_names(PlannedCertificate& certificate) {
    for (const auto& [name, demand] : wanted_)
      if (input_.postponed.contains(name) && !is_live(name)) certificate.postponed.push_back(name);
    if (certificate.postponed.size() == wanted_.size()) certificate.postponed.clear();
    for (const DnsName& name : certificate.postponed)
      wanted_.erase(name);
  }

  /// The host that most domains use; then the lower preference, then the alphabet.
  std::string name_for_new() const {
    const auto best = std::ranges::min_element(wanted_, {}, [](const auto& entry) {
      const auto& [name, demand] = entry;
      return std::tuple(-static_cast<std::ptrdiff_t>(demand.domains), demand.preference, name);
    });
    const bool extra_only = best->second.domains == 0;
    return extra_only ? input_.extra_names.front().ascii() : best->first.ascii();
  }

  std::vector<DnsName> ordered_names(std::string_view first) const {
    std::vector<DnsName> names;
    names.reserve(wanted_.size());
    for (const auto& [name, demand] : wanted_)
      names.push_back(name);
    const auto own = std::ranges::find(names, first, &DnsName::ascii);
    if (own != names.end()) std::rotate(names.begin(), own, own + 1);
    return names;
  }

  std::vector<std::string> missing_names() const {
    std::vector<std::string> missing;
    for (const auto& [name, demand] : wanted_)
      if (!is_live(name)) missing.push_back(name.unicode());
    return missing;
  }

  std::string expiry() const {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(current()->not_after - input_.now);
    if (left.count() <= 0) return fmt::format("it expired {} ago", format_duration(-left));
    return fmt::format("it expires in {}", format_duration(left));
  }

  std::string why_due() const {
    return current()->renew_why.empty() ? expiry() : fmt::format("{}, and {}", current()->renew_why, expiry());
  }

  void decide_action(PlannedCertificate& certificate) const {
    if (current() == nullptr) {
      certificate.action = Action::issue;
      certificate.why = "there is no certificate yet";
      return;
    }
    certificate.not_after = current()->not_after;
    const std::vector<std::string> missing = missing_names();
    const bool due = input_.now > current()->renew_at;
    if (!missing.empty()) {
      certificate.action = Action::replace;
      certificate.why = fmt::format("it lacks {}", join(missing, ", "));
      if (due) certificate.why += " and " + expiry();
    } else if (!current()->unwanted.empty()) {
      certificate.action = Action::replace;
      certificate.why = current()->unwanted;
    } else {
      certificate.action = due ? Action::renew : Action::none;
      certificate.why = due ? why_due() : fmt::format("it has every name, and {}", expiry());
    }
  }

  void warn_of_dropped(const PlannedCertificate& certificate) {
    for (const DroppedName& dropped : dropped_)
      warn("name_dropped", dropped.name,
           fmt::format("{}: {}",
                       certificate.action == Action::none
                           ? fmt::format("goes from certificate {} at its next renewal", certificate.name)
                           : fmt::format("is not in the new certificate {}", certificate.name),
                       dropped.reason));
  }

  void warn_of_empty_plan() {
    for (const DroppedName& dropped : dropped_)
      warn("name_dropped", dropped.name,
           fmt::format("stays on certificate {} until {} and is not renewed: {}", current()->name,
                       format_time(current()->not_after), dropped.reason));
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
