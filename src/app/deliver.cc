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
#include "issue/key_types.h"
#include "issue/renewal.h"

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
bool is_left_alone(const Context& context, const store::CertificateState& state, const std::string& target) {
  if (context.policy.brings_back_withdrawn) return false;
  const auto found = state.deployments.find(target);
  return found != state.deployments.end() && found->second.state == store::Deployment::State::withdrawn;
}

/// Whether a deployment has failed, and none has worked since.
bool was_kept_out(const store::CertificateState& state) {
  return std::ranges::any_of(state.deployments, [](const auto& deployment) {
    return deployment.second.state == store::Deployment::State::failed;
  });
}

}  // namespace

std::vector<store::Certificate*> chosen_certificates(Context& context) {
  std::vector<store::Certificate*> stored;
  std::vector<std::string> names;
  for (auto& [name, certificate] : context.inventory) {
    if (certificate.versions.empty()) continue;
    stored.push_back(&certificate);
    names.push_back(name);
  }
  if (context.invocation.arguments.empty()) return stored;
  std::vector<store::Certificate*> chosen;
  for (const std::string& name : context.invocation.arguments) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end())
      throw ConfigError(
          fmt::format("there is no certificate {}", printable(name, 300)),
          names.empty() ? "none is stored yet: mxcert issue gets one" : "stored are " + join(names, ", "));
    chosen.push_back(stored[static_cast<std::size_t>(found - names.begin())]);
  }
  return chosen;
}

void describe_version(report::CertificateOutcome& outcome, const store::Version& version) {
  outcome.version = version.number;
  outcome.names = version.leaf.names;
  outcome.not_after = issue::end_of(version);
  outcome.key_types = issue::key_types_of(version);
}

bool is_in_service(const Context& context, const Assignments& assignments, const store::Certificate& certificate) {
  if (!certificate.live.exists()) return context.config.targets.empty();
  const store::CertificateState& state = certificate.state;
  return std::ranges::all_of(assignments.of(certificate.name), [&](const Assignment& at) {
    if (is_left_alone(context, state, at.name)) return true;
    const auto found = state.deployments.find(at.name);
    return found != state.deployments.end() && found->second.version == certificate.live.number() &&
           found->second.by_sni == (at.role == deploy::Role::sni) && is_settled(found->second.state);
  });
}

std::optional<std::set<std::string>> served_versions(const Context& context, const store::Certificate& certificate) {
  std::set<std::string> versions;
  for (const Assignment& at : Assignments(context.config.targets, context.inventory).of(certificate.name)) {
    if (is_left_alone(context, certificate.state, at.name)) continue;
    const auto found = certificate.state.deployments.find(at.name);
    if (found == certificate.state.deployments.end() || found->second.served_version.empty()) return std::nullopt;
    versions.insert(found->second.served_version);
  }
  return versions;
}

void recover_deployments(Context& context) {
  for (const auto& entry : context.inventory) {
    const store::Certificate& kept = entry.second;
    const std::string& certificate = kept.name;
    if (!kept.live.exists()) continue;
    for (const deploy::Target& target : context.config.targets) {
      const std::string name = target_name(context.config.targets, target);
      const std::string what = fmt::format("{}: {}: cannot undo what an interrupted run left", certificate, name);
      attempt(context.report, certificate, what, [&] {
        const store::Version* live = kept.live.intact();
        const deploy::Delivery delivery =
            live != nullptr ? make_delivery(context.store.certificates, kept, *live)
                            : deploy::Delivery{.certificate_name = certificate,
                                               .names = {},
                                               .bundle = {},
                                               .lineage = context.store.certificates.live_path(certificate)};
        const auto done = deploy::recover_unfinished(context.clock, target, delivery,
                                                     deploy_options(context.store.certificates, certificate, name));
        if (done) log::warning(fmt::format("{}: {}: an earlier run was cut short: {}", certificate, name, *done));
      });
    }
  }
}

bool deliver(Context& context, store::Certificate& certificate, const store::Version& version,
             report::CertificateOutcome& outcome) {
  const bool failed_before = was_kept_out(certificate.state);
  bool all_serve_it = true;
  std::string trust_problem;
  for (const Assignment& at : Assignments(context.config.targets, context.inventory).of(certificate.name)) {
    if (is_left_alone(context, certificate.state, at.name)) continue;
    const deploy::DeployOutcome result = run_at(context, deploy::deploy, certificate, version, at);
    all_serve_it = report_result(context.report, certificate.name, at.name, result, outcome) && all_serve_it;
    report_dane(context, certificate, result.dane);
    if (result.succeeded() && (result.loses_trust || is_for_the_public(version))) trust_problem = result.trust_problem;
    if (result.succeeded() && at.role == deploy::Role::default_certificate)
      clean_up_for_default(context, certificate, at);
    remember_result(context, certificate, version, at, result);
  }
  if (!trust_problem.empty()) warn_of_untrusted_chain(context, certificate.name, trust_problem);
  if (failed_before && all_serve_it) {  // what was in the way is not any more: `renew` need not wait
    certificate.state.failure.reset();
    context.store.certificates.save(certificate);
  }
  return all_serve_it;
}

}  // namespace mxcert::app
