#include "mx/certificate_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/text.h"

namespace mxcert::mx {
namespace {

using dns::DnsName;
using Names = std::vector<DnsName>;
using Fate = SettledName::Fate;

/// The live version of the certificate, if there is one.
struct Live {
  const CurrentCertificate* certificate = nullptr;
  NameSet names = {};
  bool is_due = false;
  bool is_unwanted = false;

  bool has(const DnsName& name) const { return covers(names, name); }
};

Live find_live(const CurrentCertificate* current, SystemTime now) {
  if (current == nullptr) return {};
  return {.certificate = current,
          .names = parse_names(current->names),
          .is_due = now > current->renew_at,
          .is_unwanted = !current->unwanted.empty()};
}

template <typename Range, typename Predicate>
Names pick(const Range& names, Predicate is_picked) {
  Names picked;
  std::ranges::copy_if(names, std::back_inserter(picked), is_picked);
  return picked;
}

template <typename Predicate>
Names take_out(Names& names, Predicate is_taken) {
  Names taken = pick(names, is_taken);
  std::erase_if(names, is_taken);
  return taken;
}

/// What another certificate is to have instead.
Names moved_names(const Live& live, const Names& planned, const WantedNames& wanted) {
  return pick(live.names,
              [&](const DnsName& name) { return wanted.contains(name) && !std::ranges::binary_search(planned, name); });
}

Names covered_names(const Names& planned, const Wanted& wanted) {
  Names names;
  for (const DnsName& name : planned)
    if (const auto covered = wanted.covered.find(name); covered != wanted.covered.end())
      std::ranges::copy(covered->second, std::back_inserter(names));
  return names;
}

/// What has to be seen again; but where a certificate is ordered anyway it comes along.
Names put_off(Names& names, const Live& live, const NewNames& fresh) {
  if (live.is_due || live.is_unwanted) return {};
  return take_out(names, [&](const DnsName& name) { return !live.has(name) && fresh.first_seen.contains(name); });
}

/// What failed a short while ago must not keep the others waiting; but where nothing else is left it is tried.
Names postpone(Names& names, const Live& live, const std::set<DnsName>& failing) {
  const auto is_postponed = [&](const DnsName& name) { return failing.contains(name) && !live.has(name); };
  return std::ranges::all_of(names, is_postponed) ? Names() : take_out(names, is_postponed);
}

void put_first(Names& names, const std::string& own_name) {
  const auto own = std::ranges::find(names, own_name, &DnsName::ascii);
  if (own != names.end()) std::rotate(names.begin(), own, own + 1);
}

std::string expiry(const CurrentCertificate& current, SystemTime now) {
  if (!current.not_after) return "nobody knows when it expires";
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(*current.not_after - now);
  if (left.count() <= 0) return fmt::format("it expired {} ago", format_duration(-left));
  return fmt::format("it expires in {}", format_duration(left));
}

std::string list(const Names& names) {
  std::vector<std::string> texts;
  texts.reserve(names.size());
  for (const DnsName& name : names)
    texts.push_back(name.unicode());
  return join(texts, ", ");
}

struct Decision {
  Action action = Action::none;
  std::string why = {};
};

/// `dropped`: what the live version has, and is not wanted any more.
Decision decide(const PlanInput& input, const PlannedCertificate& plan, const Live& live, const Names& dropped) {
  if (live.certificate == nullptr) return {Action::issue, "there is no certificate yet"};
  const Names missing = pick(plan.names, [&](const DnsName& name) { return !live.has(name); });
  const std::string end = expiry(*live.certificate, input.now);
  if (!missing.empty())
    return {Action::replace, fmt::format("it lacks {}{}", list(missing), live.is_due ? " and " + end : "")};
  if (live.is_unwanted) return {Action::replace, live.certificate->unwanted};
  if (input.prune == Prune::now && !dropped.empty())
    return {Action::replace, fmt::format("it has {}, which is not wanted any more", list(dropped))};
  if (live.is_due) {
    const std::string& who = live.certificate->renew_why;
    return {Action::renew, who.empty() ? end : fmt::format("{}, and {}", who, end)};
  }
  const std::string but =
      plan.unconfirmed.empty() ? "" : fmt::format(" but {}, which the next run has to see too", list(plan.unconfirmed));
  return {Action::none, fmt::format("it has every name{}, and {}", but, end)};
}

}  // namespace

std::optional<PlannedCertificate> plan_certificate(const PlanInput& input, const CurrentCertificate* current,
                                                   const PackedCertificate& packed, const NameStates& states) {
  const Live live = find_live(current, input.now);
  const auto is_settled = [&](Fate fate) {
    return [&states, fate](const DnsName& name) { return states.settled.has(name, fate); };
  };
  PlannedCertificate plan{.name = packed.name,
                          .names = packed.names,
                          .is_default = packed.is_default,
                          .absent = pick(packed.names, is_settled(Fate::missing)),
                          .moved = moved_names(live, packed.names, states.wanted.names),
                          .covered = covered_names(packed.names, states.wanted),
                          .is_due = live.is_due};
  plan.unconfirmed = put_off(plan.names, live, states.fresh);
  if (plan.names.empty()) return std::nullopt;
  plan.postponed = postpone(plan.names, live, input.postponed);
  put_first(plan.names, plan.name);
  if (current != nullptr) plan.not_after = current->not_after;
  Decision decision = decide(input, plan, live, pick(live.names, is_settled(Fate::dropped)));
  plan.action = decision.action;
  plan.why = std::move(decision.why);
  return plan;
}

}  // namespace mxcert::mx
