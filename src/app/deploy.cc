#include <fmt/format.h>

#include <algorithm>

#include "app/assignment.h"
#include "app/commands.h"
#include "app/context.h"
#include "app/deliver.h"
#include "app/outcomes.h"
#include "app/withdrawal.h"
#include "base/error.h"
#include "base/text.h"

namespace mxcert::app {
namespace {

using Action = report::CertificateOutcome::Action;
using Result = report::CertificateOutcome::Result;

void require_targets(const Context& context) {
  if (context.config.targets.empty())
    throw ConfigError("no deploy target is configured", "add [[deploy]] hook = \"exim\", or --deploy exim");
}

report::CertificateOutcome outcome_for(const std::string& name, const store::Version& version, Action action) {
  report::CertificateOutcome outcome{.name = name, .action = action, .result = Result::failed};
  describe_version(outcome, version);
  return outcome;
}

void require_assignment(const Context& context, const store::Certificate& certificate) {
  if (!Assignments(context.config.targets, context.inventory).of(certificate.name).empty()) return;
  if (certificate.state.unplanned)
    throw Error(fmt::format("the plan has no use for {} any more", certificate.name), "mxcert plan says why");
  throw Error(fmt::format("no deploy target takes {}", certificate.name), "see certificates under [[deploy]]");
}

void deploy_one(Context& context, store::Certificate& certificate) {
  const store::Version live = certificate.live_version();
  report::CertificateOutcome outcome = outcome_for(certificate.name, live, Action::deploy);
  require_assignment(context, certificate);
  if (context.invocation.dry_run) {
    outcome.result = Result::planned;
  } else if (deliver(context, certificate, live, outcome)) {
    outcome.result = Result::deployed;
  }
  context.report.add(std::move(outcome));
}

/// The number before the live one; empty when there is none.
std::optional<std::string> previous_version(const store::Certificate& certificate) {
  const auto at = std::ranges::find(certificate.versions, certificate.live.number());
  if (at == certificate.versions.end() || at == certificate.versions.begin()) return std::nullopt;
  return *std::prev(at);
}

void roll_back_to(Context& context, store::Certificate& certificate, const std::string& number) {
  if (!context.config.targets.empty()) require_assignment(context, certificate);
  const store::Version version = context.store.certificates.load_version(certificate.name, number);
  const std::string from = certificate.live.number();
  report::CertificateOutcome outcome = outcome_for(certificate.name, version, Action::rollback);
  context.store.certificates.make_live(certificate, number);
  if (deliver(context, certificate, version, outcome)) {
    outcome.result = Result::rolled_back;
  } else if (std::ranges::find(outcome.targets, deploy::DeployOutcome::Status::installed_unverified,
                               &report::TargetOutcome::status) == outcome.targets.end()) {
    context.store.certificates.make_live(certificate, from);  // what is installed is what is live
  }
  context.report.add(std::move(outcome));
}

/// Those that are named; else all that are planned.
std::vector<store::Certificate*> certificates_to_deploy(Context& context) {
  if (!context.invocation.arguments.empty()) return chosen_certificates(context);
  std::vector<store::Certificate*> planned;
  const Assignments assignments(context.config.targets, context.inventory);
  for (const std::string& name : assignments.certificates())
    planned.push_back(&context.inventory.at(name));
  return planned;
}

}  // namespace

void run_deploy(Context& context) {
  require_targets(context);
  const store::Lock lock = context.lock();
  recover_deployments(context);
  const std::vector<store::Certificate*> certificates = certificates_to_deploy(context);
  if (certificates.empty()) throw Error("no certificate is stored yet", "mxcert issue gets one");
  for (store::Certificate* certificate : certificates)
    attempt(context.report, certificate->name, [&] { deploy_one(context, *certificate); });
  print_outcomes(context);
}

void run_rollback(Context& context) {
  const store::Lock lock = context.lock();
  recover_deployments(context);
  store::Certificate& certificate = *chosen_certificates(context).front();
  if (!certificate.live.exists()) static_cast<void>(certificate.live_version());  // says so
  const auto previous = previous_version(certificate);
  if (context.invocation.dry_run) {
    const std::string number = previous.value_or(certificate.live.number());
    report::CertificateOutcome outcome =
        outcome_for(certificate.name, context.store.certificates.load_version(certificate.name, number),
                    previous ? Action::rollback : Action::withdraw);
    outcome.result = Result::planned;
    context.report.add(std::move(outcome));
  } else if (previous) {
    roll_back_to(context, certificate, *previous);
  } else {
    require_targets(context);
    const store::Version version = certificate.live_version();
    report::CertificateOutcome outcome = outcome_for(certificate.name, version, Action::rollback);
    if (withdraw(context, certificate, version, outcome)) outcome.result = Result::withdrawn;
    context.report.add(std::move(outcome));
  }
  print_outcomes(context);
}

}  // namespace mxcert::app
