#include <fmt/format.h>

#include <algorithm>

#include "app/backoff.h"
#include "app/ca.h"
#include "app/caa_preflight.h"
#include "app/commands.h"
#include "app/context.h"
#include "app/deliver.h"
#include "app/order.h"
#include "app/plan_report.h"
#include "app/planning.h"
#include "app/renewal_info.h"
#include "app/solving.h"
#include "base/error.h"

namespace mxcert::app {
namespace {

bool is_renew(const Context& context) {
  return context.invocation.verb == Verb::renew;
}

void print_plan(const Context& context, const mx::Plan& plan) {
  if (context.invocation.json || context.invocation.quiet || is_renew(context)) return;
  write_result(plan_to_text(plan, {.width = context.terminal.width, .color = context.terminal.color}) + "\n");
}

/// Remembers what the plan wants, and whether this run failed: `errors_before` is how many errors there were before it.
void remember(Context& context, const mx::PlannedCertificate& planned, std::size_t errors_before) {
  store::CertificateState state = context.certificates.load_state(planned.name);
  const store::CertificateState before = state;
  state.desired = planned.ascii_names();
  const auto& errors = context.report.errors();
  if (errors.size() > errors_before) {
    const Finding& first = errors[errors_before];
    state.failure = store::Failure{.count = (before.failure ? before.failure->count : 0) + 1,
                                   .at = context.clock.now(),
                                   .message = first.message,
                                   .hint = first.hint};
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

/// True when `renew` must leave this certificate alone for now; says so.
bool is_backing_off(Context& context, const mx::PlannedCertificate& planned) {
  if (!is_renew(context)) return false;
  const store::CertificateState state = context.certificates.load_state(planned.name);
  if (only_needs_a_look(planned, state)) return false;
  if (!state.failure || context.clock.now() >= next_attempt(*state.failure)) return false;
  context.report.add_error({.code = "backing_off",
                            .subject = planned.name,
                            .message = fmt::format("not tried again before {}, since it failed at {}: {}",
                                                   format_time(next_attempt(*state.failure)),
                                                   format_time(state.failure->at), state.failure->message),
                            .hint = state.failure->hint});
  return true;
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
void bring_up_to_date(Context& context, CertificateAuthority& ca, const mx::PlannedCertificate& planned,
                      CertificateOutcome& outcome) {
  if (planned.action != mx::Action::none && !order_certificate(context, ca, planned).number.empty())
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

void process(Context& context, CertificateAuthority& ca, const mx::PlannedCertificate& planned) {
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
  if (nothing_to_do || is_backing_off(context, planned)) {
    if (!nothing_to_do) outcome.result = "failed";
    context.report.add(std::move(outcome));
    return;
  }
  const std::size_t errors_before = context.report.errors().size();
  const bool done = attempt(context, planned.name, [&] { bring_up_to_date(context, ca, planned, outcome); });
  if (!done) outcome.result = "failed";
  attempt(context, planned.name, [&] { remember(context, planned, errors_before); });  // a full disk hides nothing
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
  const bool something =
      std::ranges::any_of(outcomes, [](const CertificateOutcome& o) { return o.result != "unchanged"; });
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
  CertificateAuthority ca(context, context.config.ca);
  update_renewal_info(context, ca);
  const mx::Plan plan = make_plan(context);
  print_plan(context, plan);
  add_plan_warnings(context, plan);
  report_gaps(context, plan);
  for (const mx::PlannedCertificate& planned : plan.certificates)
    process(context, ca, planned);
  print_outcomes(context);
}

}  // namespace mxcert::app
