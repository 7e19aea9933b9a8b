#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "app/backoff.h"
#include "app/ca.h"
#include "app/caa_preflight.h"
#include "app/commands.h"
#include "app/context.h"
#include "app/deliver.h"
#include "app/failing_names.h"
#include "app/fallback.h"
#include "app/order.h"
#include "app/plan_report.h"
#include "app/planning.h"
#include "app/renewal.h"
#include "app/renewal_info.h"
#include "app/solving.h"
#include "base/error.h"

namespace mxcert::app {
namespace {

bool is_renew(const Context& context) {
  return context.invocation.verb == Verb::renew;
}

/// The configured one first, then its fallbacks.
std::vector<CertificateAuthority> certificate_authorities(Context& context) {
  std::vector<CertificateAuthority> cas;
  cas.emplace_back(context, context.config.ca);
  for (const CaConfig& fallback : context.config.ca.fallback)
    cas.emplace_back(context, fallback);
  return cas;
}

void print_plan(const Context& context, const mx::Plan& plan) {
  if (context.invocation.json || context.invocation.quiet || is_renew(context)) return;
  write_result(plan_to_text(plan, {.width = context.terminal.width, .color = context.terminal.color}) + "\n");
}

/// The first error since there were `errors_before` that is about the certificate; names that the CA refused have a
/// memory of their own.
const Finding* find_failure(const Context& context, std::size_t errors_before) {
  const auto errors = std::span(context.report.errors()).subspan(errors_before);
  const auto found = std::ranges::find_if_not(errors, is_refusal);
  return found == errors.end() ? nullptr : &*found;
}

/// Remembers what the plan wants, which CAs want to be left alone, and whether this run failed: `errors_before` is how
/// many errors there were before it.
void remember(Context& context, const mx::PlannedCertificate& planned, std::size_t errors_before,
              const CaPauses& pauses) {
  store::CertificateState state = context.certificates.load_state(planned.name);
  const store::CertificateState before = state;
  state.desired = planned.wanted_names();
  state.ca_pauses = pauses;
  std::erase_if(state.ca_pauses, [&](const auto& pause) { return pause.second <= context.clock.now(); });
  if (const Finding* failure = find_failure(context, errors_before)) {
    state.failure = store::Failure{.count = (before.failure ? before.failure->count : 0) + 1,
                                   .at = context.clock.now(),
                                   .message = failure->message,
                                   .hint = failure->hint};
  } else {
    state.failure.reset();
  }
  if (state != before) context.certificates.save_state(planned.name, state);
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
  if (is_renew(context)) pause.until = next_attempt(*state.failure, planned.name);
  const auto rate_limit = pause_of_all(context.config.ca, state.ca_pauses, now);
  if (rate_limit && *rate_limit > pause.until && planned.action != mx::Action::none) pause = {*rate_limit, true};
  return now < pause.until ? std::optional(pause) : std::nullopt;
}

/// Whether what is served now is good for a while.
bool is_safe(const Context& context, const mx::PlannedCertificate& planned) {
  const auto live = context.certificates.find_live(planned.name);
  return live && context.clock.now() < last_moment(live->leaf) && is_in_service(context, planned.name);
}

/// Tells that a certificate is left alone for now, and returns the outcome. To `renew` that is no failure as long as
/// what is served is good: the failure itself was told when it happened.
std::string tell_pause(Context& context, const mx::PlannedCertificate& planned, const store::Failure& failure,
                       const Pause& pause) {
  Finding finding{.code = pause.is_rate_limit ? "rate_limited" : "backing_off",
                  .subject = planned.name,
                  .message = fmt::format("not tried again before {}, since it failed at {}: {}",
                                         format_time(pause.until), format_time(failure.at), failure.message),
                  .hint = failure.hint};
  if (pause.is_rate_limit) finding.hint = "the CA wants to be left alone until then";
  if (is_renew(context) && is_safe(context, planned)) {
    context.report.add_warning(std::move(finding));
    return "waiting";
  }
  context.report.add_error(std::move(finding));
  return "failed";
}

/// An order that outlived its certificate (a run was killed in between) must not be taken up for the next one.
void forget_finished_order(Context& context, const mx::PlannedCertificate& planned) {
  if (planned.action == mx::Action::none && context.orders.find(planned.name)) context.orders.remove(planned.name);
}

void warn_of_no_target(Context& context, const std::string& certificate) {
  context.report.add_warning(
      {.code = "no_target",
       .subject = certificate,
       .message = fmt::format("{} is installed nowhere: no deploy target is configured", certificate),
       .hint = fmt::format("add [[deploy]] hook = \"exim\", or have the daemon read {}",
                           context.certificates.live_path(certificate).string())});
}

/// Orders if the plan says so, then installs wherever the live version is not in service yet.
void bring_up_to_date(Context& context, std::span<CertificateAuthority> cas, const mx::PlannedCertificate& planned,
                      CaPauses& pauses, CertificateOutcome& outcome) {
  if (planned.action != mx::Action::none && !order_somewhere(context, cas, planned, pauses).number.empty())
    outcome.result = "issued";
  const auto live = context.certificates.find_live(planned.name);
  if (!live) return;
  outcome.version = live->number;
  outcome.names = live->leaf.names;
  outcome.not_after = live->leaf.not_after;
  if (context.config.targets.empty()) warn_of_no_target(context, planned.name);
  if (is_in_service(context, planned.name)) return;
  if (!deliver(context, planned.name, *live, outcome)) {
    outcome.result = "failed";
  } else if (outcome.result == "unchanged") {
    outcome.result = "deployed";
  }
  context.certificates.prune(planned.name);
}

/// Whether `step` worked; what it throws is reported, and does not stop the other certificates (law 3).
template <typename Step>
bool attempt(Context& context, const std::string& certificate, Step step) {
  try {
    step();
    return true;
  } catch (const Interrupted&) {
    throw;
  } catch (Error& e) {
    e.add_context(certificate);
    context.report.add_error(e, certificate);
    return false;
  }
}

void process(Context& context, std::span<CertificateAuthority> cas, const mx::PlannedCertificate& planned) {
  forget_finished_order(context, planned);
  const bool in_service = is_in_service(context, planned.name);
  CertificateOutcome outcome{.name = planned.name,
                             .names = planned.ascii_names(),
                             .action = std::string(mx::to_string(planned.action)),
                             .result = "unchanged",
                             .version = context.certificates.live_number(planned.name).value_or(""),
                             .not_after = planned.not_after,
                             .targets = {}};
  const bool nothing_to_do = planned.action == mx::Action::none && in_service;
  const store::CertificateState state = context.certificates.load_state(planned.name);
  const auto pause = find_pause(context, planned, state);
  if (nothing_to_do || pause) {
    if (!nothing_to_do) outcome.result = tell_pause(context, planned, *state.failure, *pause);
    context.report.add(std::move(outcome));
    return;
  }
  const std::size_t errors_before = context.report.errors().size();
  CaPauses pauses = state.ca_pauses;
  const bool done = attempt(context, planned.name, [&] { bring_up_to_date(context, cas, planned, pauses, outcome); });
  if (!done) outcome.result = "failed";
  // A full disk hides nothing.
  attempt(context, planned.name, [&] { remember(context, planned, errors_before, pauses); });
  context.report.add(std::move(outcome));
}

void add_plan_warnings(Context& context, const mx::Plan& plan) {
  for (const mx::Warning& warning : plan.warnings)
    context.report.add_warning({.code = warning.code, .subject = warning.subject, .message = warning.message});
  if (!is_renew(context)) context.report.warnings_told();  // they are in the plan's text
}

/// Cron hears nothing when all is well: `renew` only speaks when something was done or failed.
void print_outcomes(const Context& context) {
  const auto& outcomes = context.report.outcomes();
  const bool something = std::ranges::any_of(
      outcomes, [](const CertificateOutcome& o) { return o.result != "unchanged" && o.result != "waiting"; });
  if (context.invocation.json) {
    if (!is_renew(context) || something || context.report.failed()) write_result(to_json(context.report));
  } else if (!context.invocation.quiet && (!is_renew(context) || something)) {
    write_result(to_text(context.report, context.clock.now()));
  }
}

void run_dry(Context& context) {
  const mx::Plan plan = make_plan(context);
  print_plan(context, plan);
  report_gaps(context, plan);
  report_caa(context, plan);
  for (const mx::PlannedCertificate& planned : plan.certificates) {
    const bool idle = planned.action == mx::Action::none && is_in_service(context, planned.name);
    context.report.add({.name = planned.name,
                        .names = planned.ascii_names(),
                        .action = std::string(mx::to_string(planned.action)),
                        .result = idle ? "unchanged" : "planned",
                        .version = {},
                        .not_after = planned.not_after,
                        .targets = {}});
  }
  print_outcomes(context);
}

}  // namespace

void run_issue(Context& context) {
  if (context.invocation.dry_run) return run_dry(context);
  if (context.config.domains.empty() && context.invocation.arguments.empty()) require_domains(context.config);
  const store::Lock lock = context.state.lock(context.clock, context.invocation.lock_timeout);
  recover_deployments(context);
  clean_up_earlier_challenges(context);
  std::vector<CertificateAuthority> cas = certificate_authorities(context);
  for (CertificateAuthority& ca : cas)
    update_renewal_info(context, ca);
  const mx::Plan plan = make_plan(context);
  print_plan(context, plan);
  add_plan_warnings(context, plan);
  report_gaps(context, plan);
  for (const mx::PlannedCertificate& planned : plan.certificates)
    process(context, cas, planned);
  print_outcomes(context);
}

}  // namespace mxcert::app
