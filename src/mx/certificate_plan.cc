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
Names moved_names(const NameSet& live, const Names& planned, const WantedNames& wanted) {
  return pick(live,
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
Names put_off(Names& names, const NameSet& live, const Situation& situation, const NewNames& fresh) {
  if (!situation.parts.empty() && !find_needs(situation, {}).empty()) return {};
  return take_out(names, [&](const DnsName& name) { return !covers(live, name) && fresh.first_seen.contains(name); });
}

/// What failed a short while ago must not keep the others waiting; but where nothing else is left it is tried.
Names postpone(Names& names, const NameSet& live, const NameSet& failing) {
  const auto is_postponed = [&](const DnsName& name) { return failing.contains(name) && !covers(live, name); };
  return std::ranges::all_of(names, is_postponed) ? Names() : take_out(names, is_postponed);
}

void put_first(Names& names, const std::string& own_name) {
  const auto own = std::ranges::find(names, own_name, &DnsName::ascii);
  if (own != names.end()) std::rotate(names.begin(), own, own + 1);
}

/// `dropped`: what the live version has, and is not wanted any more.
Situation find_situation(const PlanInput& input, const CurrentCertificate* current, const Names& dropped) {
  Situation situation{.key_types = input.key_types, .now = input.now};
  if (current != nullptr) situation.parts = current->parts;
  if (input.prune == Prune::now && !dropped.empty())
    situation.replace_why = fmt::format("it has {}, which is not wanted any more", join_names(dropped));
  return situation;
}

Action action_for(Need::Reason reason) {
  if (reason == Need::Reason::first) return Action::issue;
  return reason < Need::Reason::due ? Action::replace : Action::renew;
}

/// What the needs amount to: the first reason is the one to tell.
void decide_action(PlannedCertificate& plan, std::optional<SystemTime> not_after) {
  if (!plan.needs.empty()) {
    const Need& first = *std::ranges::min_element(plan.needs, {}, &Need::reason);
    plan.action = action_for(first.reason);
    plan.why = first.why;
    return;
  }
  const std::string but = plan.unconfirmed.empty()
                              ? ""
                              : fmt::format(" but {}, which the next run has to see too", join_names(plan.unconfirmed));
  plan.why = fmt::format("it has every name{}, and {}", but, describe_end(not_after, plan.situation.now));
}

}  // namespace

std::optional<PlannedCertificate> plan_certificate(const PlanInput& input, const CurrentCertificate* current,
                                                   const PackedCertificate& packed, const NameStates& states) {
  const NameSet live = current == nullptr ? NameSet() : parse_names(current->names());
  const auto is_settled = [&](Fate fate) {
    return [&states, fate](const DnsName& name) { return states.settled.has(name, fate); };
  };
  PlannedCertificate plan{.name = packed.name,
                          .names = packed.names,
                          .is_default = packed.is_default,
                          .absent = pick(packed.names, is_settled(Fate::missing)),
                          .moved = moved_names(live, packed.names, states.wanted.names),
                          .covered = covered_names(packed.names, states.wanted),
                          .situation = find_situation(input, current, pick(live, is_settled(Fate::dropped)))};
  plan.unconfirmed = put_off(plan.names, live, plan.situation, states.fresh);
  if (plan.names.empty()) return std::nullopt;
  plan.postponed = postpone(plan.names, live, input.postponed);
  put_first(plan.names, plan.name);
  plan.needs = find_needs(plan.situation, plan.names);
  plan.is_due =
      std::ranges::any_of(plan.situation.parts, [&](const CurrentPart& part) { return is_due(part, input.now); });
  if (current != nullptr) plan.not_after = current->not_after();
  decide_action(plan, plan.not_after);
  return plan;
}

}  // namespace mxcert::mx
