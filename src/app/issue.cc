#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "app/assignment.h"
#include "app/commands.h"
#include "app/context.h"
#include "app/dane.h"
#include "app/deliver.h"
#include "app/outcomes.h"
#include "app/placeholder.h"
#include "app/withdrawal.h"
#include "base/error.h"
#include "issue/backoff.h"
#include "issue/ca.h"
#include "issue/caa_preflight.h"
#include "issue/failing_names.h"
#include "issue/fallback.h"
#include "issue/internal_ca.h"
#include "issue/issuance_limits.h"
#include "issue/key_types.h"
#include "issue/name_histories.h"
#include "issue/next_version.h"
#include "issue/planning.h"
#include "issue/renewal.h"
#include "issue/renewal_info.h"
#include "issue/solving.h"
#include "report/plan_report.h"

namespace mxcert::app {
namespace {

using Result = report::CertificateOutcome::Result;

/// The configured one first, then its fallbacks.
std::vector<issue::CertificateAuthority> certificate_authorities(Context& context) {
  std::vector<issue::CertificateAuthority> cas;
  cas.emplace_back(context.run, context.config.ca);
  for (const config::CaConfig& fallback : context.config.ca.fallback)
    cas.emplace_back(context.run, fallback);
  return cas;
}

void print_plan(const Context& context, const mx::Plan& plan) {
  if (context.invocation.json || context.invocation.quiet || context.policy.speaks_only_of_changes) return;
  report::write_result(report::plan_to_text(plan, {.width = context.terminal.width, .color = context.terminal.color}) +
                       "\n");
}

/// The first error that is about the certificate; names that the CA refused have a memory of their own.
const Finding* find_failure(std::span<const Finding> errors) {
  const auto found = std::ranges::find_if_not(errors, issue::is_refusal);
  return found == errors.end() ? nullptr : &*found;
}

void note_plan(store::CertificateState& state, const mx::PlannedCertificate& planned) {
  state.desired = planned.wanted_names();
  state.is_default = planned.is_default;
  state.unplanned = false;
}

/// What the plan wants of a certificate that is there.
void remember_plan(Context& context, store::Certificate& certificate, const mx::PlannedCertificate& planned) {
  if (!certificate.live.exists()) return;
  note_plan(certificate.state, planned);
  context.store.certificates.save(certificate);
}

/// Remembers what the plan wants, and what came of it: the first of its `errors`.
void remember(Context& context, store::Certificate& certificate, const mx::PlannedCertificate& planned,
              std::span<const Finding> errors) {
  store::CertificateState& state = certificate.state;
  note_plan(state, planned);
  std::erase_if(state.ca_pauses, [&](const auto& pause) { return pause.second <= context.clock.now(); });
  if (const Finding* failure = find_failure(errors)) {
    state.failure = store::Failure{.count = (state.failure ? state.failure->count : 0) + 1,
                                   .at = context.clock.now(),
                                   .message = failure->message,
                                   .hint = failure->hint};
  } else {
    state.failure.reset();
  }
  context.store.certificates.save(certificate);
}

/// A daemon that was down when the certificate was installed: looking whether it runs now costs nobody anything.
bool only_needs_a_look(const mx::PlannedCertificate& planned, const store::CertificateState& state) {
  return planned.action == mx::Action::none && std::ranges::none_of(state.deployments, [](const auto& target) {
           return target.second.state == store::Deployment::State::failed;
         });
}

struct Pause {
  SystemTime until;
  bool is_rate_limit = false;
};

/// Whether this certificate is left alone: what `renew` makes of a failure, and both commands of CAs that all want to
/// be left alone.
std::optional<Pause> find_pause(const Context& context, const mx::PlannedCertificate& planned,
                                const store::CertificateState& state) {
  if (!state.failure || only_needs_a_look(planned, state)) return std::nullopt;
  const SystemTime now = context.clock.now();
  Pause pause;
  if (context.policy.waits_after_failures) pause.until = issue::next_attempt(*state.failure, planned.name);
  const auto rate_limit = issue::pause_of_all(context.config.ca, state.ca_pauses, now);
  if (rate_limit && *rate_limit > pause.until && planned.action != mx::Action::none) pause = {*rate_limit, true};
  return now < pause.until ? std::optional(pause) : std::nullopt;
}

/// Whether what is served now, be it an earlier version than the live one, is good for a while.
bool is_safe(const Context& context, const store::Certificate& certificate) {
  if (!certificate.live.exists()) return false;
  auto served = served_versions(context, certificate);
  if (served && served->empty()) served->insert(certificate.live.number());  // nothing is to be installed: it is there
  return served && std::ranges::all_of(*served, [&](const std::string& number) {
           const store::Version version = context.store.certificates.load_version(certificate.name, number);
           return !issue::is_placeholder(context.config.ca, version) &&
                  context.clock.now() < issue::last_moment(version);
         });
}

/// Tells that a certificate is left alone for now, and returns the outcome. To `renew` that is no failure as long as
/// what is served is good: the failure itself was told when it happened.
Result tell_pause(Context& context, const store::Certificate& certificate, const store::Failure& failure,
                  const Pause& pause) {
  Finding finding{.code = pause.is_rate_limit ? "rate_limited" : "backing_off",
                  .subject = certificate.name,
                  .message = fmt::format("not tried again before {}, since it failed at {}: {}",
                                         format_time(pause.until), format_time(failure.at), failure.message),
                  .hint = failure.hint};
  if (pause.is_rate_limit) finding.hint = "the CA wants to be left alone until then";
  if (context.policy.waits_after_failures && is_safe(context, certificate)) {
    context.report.add_warning(std::move(finding));
    return Result::waiting;
  }
  context.report.add_error(std::move(finding));
  return Result::failed;
}

/// An order that outlived its certificate (a run was killed in between) must not be taken up for the next one.
void forget_finished_order(Context& context, const mx::PlannedCertificate& planned) {
  if (planned.action == mx::Action::none) context.store.orders.remove_all(planned.name);
}

void warn_of_no_target(Context& context, const std::string& certificate) {
  context.report.add_warning({.code = "no_target",
                              .subject = certificate,
                              .message = fmt::format("{} is installed nowhere: no deploy target {}", certificate,
                                                     context.config.targets.empty() ? "is configured" : "takes it"),
                              .hint = fmt::format("add [[deploy]] hook = \"exim\", or have the daemon read {}",
                                                  context.store.certificates.live_path(certificate).string())});
}

/// Orders if the plan says so, then installs wherever the live version is not in service yet.
void bring_up_to_date(Context& context, std::span<issue::CertificateAuthority> cas,
                      const mx::PlannedCertificate& planned, store::Certificate& certificate,
                      report::CertificateOutcome& outcome) {
  if (planned.action != mx::Action::none && !issue::make_next_version(context.run, cas, planned, certificate).empty())
    outcome.result = Result::issued;
  remember_plan(context, certificate, planned);  // where it is installed depends on that
  if (!certificate.live.exists()) return;
  const store::Version live = certificate.live_version();
  describe_version(outcome, live);
  const Assignments assignments(context.config.targets, context.inventory);
  if (assignments.of(planned.name).empty()) warn_of_no_target(context, planned.name);
  if (issue::is_internal(live) && outcome.result == Result::issued) outcome.tlsa = tlsa_records(live);
  if (is_in_service(context, assignments, certificate)) return;
  if (!deliver(context, certificate, live, outcome)) {
    outcome.result = Result::failed;
  } else if (outcome.result == Result::unchanged) {
    outcome.result = Result::deployed;
  }
  context.store.certificates.prune(certificate);
}

/// Whether the certificate that is to have `name` is in service with it.
bool has_arrived(const Context& context, const mx::Plan& plan, const dns::DnsName& name) {
  return std::ranges::any_of(plan.certificates, [&](const mx::PlannedCertificate& planned) {
    if (std::ranges::find(planned.names, name) == planned.names.end()) return false;
    const store::Certificate& certificate = context.inventory.at(planned.name);
    const store::Version* live = certificate.live.intact();
    return live != nullptr && pki::covers(live->leaf, name.ascii()) &&
           is_in_service(context, Assignments(context.config.targets, context.inventory), certificate);
  });
}

mx::PlannedCertificate left_as_it_is(mx::PlannedCertificate planned) {
  planned.action = mx::Action::none;
  planned.needs.clear();
  return planned;
}

/// Law 2: a certificate that loses names to another one is left as it is until that serves them, unless it is about to
/// end.
mx::PlannedCertificate hold_back(Context& context, const mx::Plan& plan, mx::PlannedCertificate planned) {
  if (planned.action == mx::Action::none || planned.moved.empty()) return planned;
  const store::Version* live = context.inventory.at(planned.name).live.intact();
  if (live == nullptr || context.clock.now() >= issue::last_moment(*live)) return planned;
  const auto waiting = std::ranges::find_if_not(
      planned.moved, [&](const dns::DnsName& name) { return has_arrived(context, plan, name); });
  if (waiting == planned.moved.end()) return planned;
  context.report.add_warning(
      {.code = "name_moving",
       .subject = waiting->ascii(),
       .message = fmt::format("{} is left as it is, since {} is to be on another certificate, and "
                              "that is not in service yet",
                              planned.name, dns::display_name(*waiting))});
  return left_as_it_is(std::move(planned));
}

/// What a plan says of one certificate, before anything is done.
report::CertificateOutcome outcome_of(const mx::PlannedCertificate& planned, Result result) {
  return {.name = planned.name,
          .names = planned.ascii_names(),
          .action = report::to_action(planned.action),
          .result = result,
          .not_after = planned.not_after};
}

/// Does what is due, and remembers what came of it.
void act(Context& context, std::span<issue::CertificateAuthority> cas, const mx::PlannedCertificate& planned,
         store::Certificate& certificate, report::CertificateOutcome& outcome) {
  report::Report before = std::exchange(context.report, {});  // what is reported from here on is this certificate's
  const bool done =
      attempt(context.report, planned.name, [&] { bring_up_to_date(context, cas, planned, certificate, outcome); });
  if (!done) outcome.result = Result::failed;
  if (!done && wants_placeholder(context.config, certificate))
    attempt(context.report, planned.name, [&] { install_placeholder(context, planned, certificate, outcome); });
  const std::vector<Finding> errors = context.report.errors();
  // A full disk hides nothing.
  attempt(context.report, planned.name, [&] { remember(context, certificate, planned, errors); });
  before.append(std::exchange(context.report, {}));
  context.report = std::move(before);
}

/// Whether anything was done, after which `assignments` may be others.
bool process(Context& context, std::span<issue::CertificateAuthority> cas, const Assignments& assignments,
             const mx::PlannedCertificate& planned) {
  store::Certificate& certificate = context.inventory.at(planned.name);
  forget_finished_order(context, planned);
  report::CertificateOutcome outcome = outcome_of(planned, Result::unchanged);
  outcome.version = certificate.live.number();
  const bool nothing_to_do = planned.action == mx::Action::none && is_in_service(context, assignments, certificate);
  const auto pause = find_pause(context, planned, certificate.state);
  const bool acts = !nothing_to_do && !pause;
  if (acts)
    act(context, cas, planned, certificate, outcome);
  else if (!nothing_to_do)
    outcome.result = tell_pause(context, certificate, *certificate.state.failure, *pause);
  context.report.add(std::move(outcome));
  return acts;
}

void forget_plan(Context& context, store::Certificate& certificate) {
  if (certificate.state.unplanned) return;
  certificate.state.desired.clear();
  certificate.state.is_default = false;
  certificate.state.unplanned = true;
  context.store.certificates.save(certificate);
}

/// Those that are there and that the plan has no use for. A plan without any name is no reason: nothing replaces them.
void remember_unplanned(Context& context, const mx::Plan& plan) {
  if (plan.certificates.empty() || !context.invocation.arguments.empty()) return;
  std::set<std::string_view> planned;
  for (const mx::PlannedCertificate& certificate : plan.certificates)
    planned.insert(certificate.name);
  for (auto& [name, kept] : context.inventory) {
    store::Certificate& certificate = kept;
    if (!certificate.versions.empty() && !planned.contains(name))
      attempt(context.report, name, [&] { forget_plan(context, certificate); });
  }
}

/// Law 6: what has been replaced often today waits, unless it is due.
mx::PlannedCertificate limit_replacements(Context& context, mx::PlannedCertificate planned) {
  if (!context.policy.waits_after_failures || planned.action != mx::Action::replace || planned.is_due) return planned;
  const auto next = issue::next_replacement(context.store.issuances.load(), planned.name, context.clock.now());
  if (!next) return planned;
  context.report.add_warning(
      {.code = "replacement_postponed",
       .subject = planned.name,
       .message = fmt::format("{} was replaced often enough for a day; renew does it again after {}: {}", planned.name,
                              format_time(*next), planned.why),
       .hint = "mxcert issue does it now"});
  return left_as_it_is(std::move(planned));
}

/// The default one first, but one that loses names to another one after that.
void process_all(Context& context, std::span<issue::CertificateAuthority> cas, const mx::Plan& plan) {
  for (const mx::PlannedCertificate& planned : plan.certificates) {  // who is the default one depends on all of them
    store::Certificate& certificate =
        context.inventory.try_emplace(planned.name, store::Certificate{.name = planned.name}).first->second;
    attempt(context.report, planned.name, [&] { remember_plan(context, certificate, planned); });
  }
  std::optional<Assignments> assignments;
  for (const bool losing : {false, true})
    for (const mx::PlannedCertificate& planned : plan.certificates)
      if (planned.moved.empty() != losing)
        attempt(context.report, planned.name, [&] {
          const mx::PlannedCertificate limited = limit_replacements(context, hold_back(context, plan, planned));
          if (!assignments) assignments.emplace(context.config.targets, context.inventory);
          if (process(context, cas, *assignments, limited)) assignments.reset();
        });
  remember_unplanned(context, plan);
  report_idle_targets(context.config.targets, context.inventory, context.report);
  withdraw_unplanned(context);
}

/// Where the plan is shown, they are in its text.
void add_plan_warnings(Context& context, const mx::Plan& plan) {
  for (const mx::Warning& warning : plan.warnings) {
    Finding finding{.code = warning.code, .subject = warning.subject, .message = warning.message};
    if (context.policy.speaks_only_of_changes)
      context.report.add_warning(std::move(finding));
    else
      context.report.add_told_warning(std::move(finding));
  }
}

void run_dry(Context& context) {
  context.read_inventory();
  const mx::Plan plan = issue::make_plan(context.run, context.invocation.arguments);
  print_plan(context, plan);
  issue::report_gaps(context.report, plan, context.tolerates_unknown_names());
  issue::report_caa(context.run, plan);
  const Assignments assignments(context.config.targets, context.inventory);
  for (const mx::PlannedCertificate& planned : plan.certificates) {
    const auto kept = context.inventory.find(planned.name);
    const bool idle = planned.action == mx::Action::none && kept != context.inventory.end() &&
                      is_in_service(context, assignments, kept->second);
    context.report.add(outcome_of(planned, idle ? Result::unchanged : Result::planned));
  }
  print_outcomes(context);
}

}  // namespace

void run_issue(Context& context) {
  if (context.invocation.dry_run) return run_dry(context);
  const bool needs_domains = context.config.domains.empty() && context.invocation.arguments.empty();
  if (needs_domains && !is_internal(context.config.ca)) config::require_domains(context.config);
  const store::Lock lock = context.lock();
  recover_deployments(context);
  issue::clean_up_earlier_challenges(context.run);
  std::vector<issue::CertificateAuthority> cas = certificate_authorities(context);
  for (issue::CertificateAuthority& ca : cas)
    issue::update_renewal_info(context.run, ca);
  const mx::Plan plan = issue::make_plan(context.run, context.invocation.arguments);
  print_plan(context, plan);
  add_plan_warnings(context, plan);
  issue::report_gaps(context.report, plan, context.tolerates_unknown_names());
  attempt(context.report, "names.json", [&] { issue::save_histories(context.store.name_records, plan.history); });
  process_all(context, cas, plan);
  print_outcomes(context);
}

}  // namespace mxcert::app
