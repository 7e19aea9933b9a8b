#include "mx/certificate_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "dns/wildcard.h"

namespace mxcert::mx {
namespace {

using dns::DnsName;

std::string expiry(const CurrentCertificate& current, SystemTime now) {
  if (!current.not_after) return "nobody knows when it expires";
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(*current.not_after - now);
  if (left.count() <= 0) return fmt::format("it expired {} ago", format_duration(-left));
  return fmt::format("it expires in {}", format_duration(left));
}

std::string list(const std::vector<DnsName>& names) {
  std::vector<std::string> texts;
  texts.reserve(names.size());
  for (const DnsName& name : names)
    texts.push_back(name.unicode());
  return join(texts, ", ");
}

/// One certificate in the making.
class CertificatePlanner {
 public:
  CertificatePlanner(const PlanInput& input, const PackedCertificate& packed, const NameStates& states)
      : input_(input),
        states_(states),
        current_(find_current(input, packed.name)),
        live_(current_ != nullptr ? parse_names(current_->names) : std::set<DnsName>()),
        plan_{.name = packed.name, .names = packed.names, .is_default = packed.is_default} {}

  std::optional<PlannedCertificate> make() {
    note_names_that_leave();
    note_covered_names();
    if (!put_off_new_names()) return std::nullopt;
    postpone_failing_names();
    put_own_name_first();
    decide_action();
    return std::move(plan_);
  }

 private:
  bool is_live(const DnsName& name) const { return live_.contains(name) || is_covered(name, live_); }
  bool is_due() const { return current_ != nullptr && input_.now > current_->renew_at; }
  bool is_unwanted() const { return current_ != nullptr && !current_->unwanted.empty(); }

  void note_names_that_leave() {
    for (const DnsName& name : plan_.names)
      if (states_.absent.contains(name)) plan_.absent.push_back(name);
    for (const DnsName& name : live_) {
      if (states_.dropped.contains(name)) dropped_.push_back(name);
      const bool stays = std::ranges::binary_search(plan_.names, name);
      if (!stays && states_.wanted.contains(name)) plan_.moved.push_back(name);
    }
  }

  void note_covered_names() {
    for (const DnsName& name : plan_.names)
      if (const auto covered = states_.covered.find(name); covered != states_.covered.end())
        std::ranges::copy(covered->second, std::back_inserter(plan_.covered));
  }

  template <typename Predicate>
  std::vector<DnsName> take_out(Predicate is_taken) {
    std::vector<DnsName> taken;
    std::ranges::copy_if(plan_.names, std::back_inserter(taken), is_taken);
    std::erase_if(plan_.names, is_taken);
    return taken;
  }

  /// False when nothing is left. Where a certificate is ordered anyway they come along.
  bool put_off_new_names() {
    if (is_due() || is_unwanted()) return true;
    plan_.unconfirmed =
        take_out([this](const DnsName& name) { return !is_live(name) && states_.first_seen.contains(name); });
    return !plan_.names.empty();
  }

  /// What failed a short while ago must not keep the others waiting; but where nothing else is left it is tried.
  void postpone_failing_names() {
    const auto is_postponed = [this](const DnsName& name) { return input_.postponed.contains(name) && !is_live(name); };
    if (!std::ranges::all_of(plan_.names, is_postponed)) plan_.postponed = take_out(is_postponed);
  }

  void put_own_name_first() {
    const auto own = std::ranges::find(plan_.names, plan_.name, &DnsName::ascii);
    if (own != plan_.names.end()) std::rotate(plan_.names.begin(), own, own + 1);
  }

  void decide_action() {
    plan_.is_due = is_due();
    if (current_ == nullptr) return act(Action::issue, "there is no certificate yet");
    plan_.not_after = current_->not_after;
    std::vector<DnsName> missing;
    std::ranges::copy_if(plan_.names, std::back_inserter(missing),
                         [this](const DnsName& name) { return !is_live(name); });
    const std::string end = expiry(*current_, input_.now);
    if (!missing.empty())
      return act(Action::replace, fmt::format("it lacks {}{}", list(missing), is_due() ? " and " + end : ""));
    if (is_unwanted()) return act(Action::replace, current_->unwanted);
    if (input_.prune == Prune::now && !dropped_.empty())
      return act(Action::replace, fmt::format("it has {}, which is not wanted any more", list(dropped_)));
    if (is_due())
      return act(Action::renew,
                 current_->renew_why.empty() ? end : fmt::format("{}, and {}", current_->renew_why, end));
    const std::string but = plan_.unconfirmed.empty()
                                ? ""
                                : fmt::format(" but {}, which the next run has to see too", list(plan_.unconfirmed));
    act(Action::none, fmt::format("it has every name{}, and {}", but, end));
  }

  void act(Action action, std::string why) {
    plan_.action = action;
    plan_.why = std::move(why);
  }

  const PlanInput& input_;
  const NameStates& states_;
  const CurrentCertificate* current_;
  std::set<DnsName> live_;
  std::vector<DnsName> dropped_;
  PlannedCertificate plan_;
};

}  // namespace

std::set<DnsName> parse_names(const std::vector<std::string>& texts) {
  std::set<DnsName> names;
  for (const std::string& text : texts)
    if (auto name = DnsName::parse_host(text)) names.insert(std::move(*name));
  return names;
}

bool is_covered(const DnsName& name, const std::set<DnsName>& names) {
  const auto wildcard = dns::find_wildcard_over(name);
  return wildcard && names.contains(*wildcard);
}

const CurrentCertificate* find_current(const PlanInput& input, const std::string& name) {
  const auto found = std::ranges::find(input.current, name, &CurrentCertificate::name);
  return found == input.current.end() ? nullptr : &*found;
}

std::optional<PlannedCertificate> plan_certificate(const PlanInput& input, const PackedCertificate& packed,
                                                   const NameStates& states) {
  return CertificatePlanner(input, packed, states).make();
}

}  // namespace mxcert::mx
