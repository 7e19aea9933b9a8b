#include "app/deliver.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/context.h"
#include "app/dane.h"
#include "app/target_run.h"
#include "app/withdrawal.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace mxcert::app {
namespace {

/// Once for all targets.
void warn_of_untrusted_chain(Context& context, const std::string& certificate, const std::string& problem) {
  context.report.add_warning({.code = "untrusted_chain",
                              .subject = certificate,
                              .message = fmt::format("{}: senders that verify may not trust it, since this host does "
                                                     "not: {}",
                                                     certificate, problem),
                              .hint = "certificates of a staging CA are for trying things out; else see whether the "
                                      "package ca-certificates is up to date"});
}

/// The administrator has taken the certificate away there: `renew` does not bring it back, only `issue` and `deploy`.
bool is_left_alone(const Context& context, const std::string& certificate, const std::string& target) {
  if (context.policy.brings_back_withdrawn) return false;
  const store::CertificateState state = context.store.certificates.load_state(certificate);
  const auto found = state.deployments.find(target);
  return found != state.deployments.end() && found->second.state == store::Deployment::State::withdrawn;
}

/// Whether a deployment has failed, and none has worked since.
bool was_kept_out(const Context& context, const std::string& certificate) {
  const store::CertificateState state = context.store.certificates.load_state(certificate);
  return std::ranges::any_of(state.deployments, [](const auto& deployment) {
    return deployment.second.state == store::Deployment::State::failed;
  });
}

/// What was in the way is not any more: `renew` need not wait.
void forget_failure(Context& context, const std::string& certificate) {
  store::CertificateState state = context.store.certificates.load_state(certificate);
  if (!state.failure) return;
  state.failure.reset();
  context.store.certificates.save_state(certificate, state);
}

}  // namespace

std::vector<std::string> chosen_certificates(const Context& context) {
  const std::vector<std::string> stored = context.store.certificates.names();
  for (const std::string& name : context.invocation.arguments) {
    if (std::ranges::find(stored, name) != stored.end()) continue;
    throw ConfigError(
        fmt::format("there is no certificate {}", printable(name, 300)),
        stored.empty() ? "none is stored yet: mxcert issue gets one" : "stored are " + join(stored, ", "));
  }
  return context.invocation.arguments.empty() ? stored : context.invocation.arguments;
}

bool is_in_service(const Context& context, const Assignments& assignments, const std::string& certificate) {
  const auto live = context.store.certificates.live_number(certificate);
  if (!live) return context.config.targets.empty();
  const store::CertificateState state = context.store.certificates.load_state(certificate);
  return std::ranges::all_of(assignments.of(certificate), [&](const Assignment& at) {
    if (is_left_alone(context, certificate, at.name)) return true;
    const auto found = state.deployments.find(at.name);
    return found != state.deployments.end() && found->second.version == *live &&
           found->second.by_sni == (at.role == deploy::Role::sni) && is_settled(found->second.state);
  });
}

std::optional<std::set<std::string>> served_versions(const Context& context, const std::string& certificate) {
  const store::CertificateState state = context.store.certificates.load_state(certificate);
  std::set<std::string> versions;
  for (const Assignment& at : Assignments(context).of(certificate)) {
    if (is_left_alone(context, certificate, at.name)) continue;
    const auto found = state.deployments.find(at.name);
    if (found == state.deployments.end() || found->second.served_version.empty()) return std::nullopt;
    versions.insert(found->second.served_version);
  }
  return versions;
}

void recover_deployments(Context& context) {
  for (const std::string& certificate : context.store.certificates.names()) {
    for (const deploy::Target& target : context.config.targets) {
      const std::string name = target_name(context, target);
      try {
        if (!context.store.certificates.live_number(certificate)) continue;
        const auto live = context.store.certificates.find_intact_live(certificate);
        const deploy::Delivery delivery =
            live ? make_delivery(context, certificate, *live)
                 : deploy::Delivery{.certificate_name = certificate,
                                    .names = {},
                                    .bundle = {},
                                    .lineage = context.store.certificates.live_path(certificate)};
        const auto done =
            deploy::recover_unfinished(context.clock, target, delivery, deploy_options(context, certificate, name));
        if (done) log::warning(fmt::format("{}: {}: an earlier run was cut short: {}", certificate, name, *done));
      } catch (Error& e) {
        e.add_context(fmt::format("{}: {}: cannot undo what an interrupted run left", certificate, name));
        context.report.add_error(e, certificate);
      }
    }
  }
}

bool deliver(Context& context, const std::string& certificate, const store::Version& version,
             report::CertificateOutcome& outcome) {
  const bool failed_before = was_kept_out(context, certificate);
  bool all_serve_it = true;
  std::string trust_problem;
  for (const Assignment& at : Assignments(context).of(certificate)) {
    if (is_left_alone(context, certificate, at.name)) continue;
    const deploy::DeployOutcome result = run_at(context, deploy::deploy, certificate, version, at);
    all_serve_it = report_result(context, certificate, at.name, result, outcome) && all_serve_it;
    report_dane(context, certificate, result.dane);
    if (result.succeeded() && (result.loses_trust || is_for_the_public(version))) trust_problem = result.trust_problem;
    if (result.succeeded() && at.role == deploy::Role::fallback) clean_up_for_default(context, certificate, at);
    remember_result(context, certificate, version, at, result);
  }
  if (!trust_problem.empty()) warn_of_untrusted_chain(context, certificate, trust_problem);
  if (failed_before && all_serve_it) forget_failure(context, certificate);
  return all_serve_it;
}

}  // namespace mxcert::app
