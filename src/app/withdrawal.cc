#include "app/withdrawal.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/context.h"
#include "app/deliver.h"
#include "app/target_run.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace mxcert::app {
namespace {

/// Where the certificate was put, in the role that it has there, and where it belongs, should the state have been lost.
std::vector<Assignment> installed_at(const Context& context, const store::Certificate& certificate) {
  const auto& deployments = certificate.state.deployments;
  std::vector<Assignment> installed = Assignments(context.config.targets, context.inventory).of(certificate.name);
  std::erase_if(installed, [&](const Assignment& at) { return deployments.contains(at.name); });
  for (const deploy::Target& target : context.config.targets) {
    const std::string name = target_name(context.config.targets, target);
    const auto found = deployments.find(name);
    if (found == deployments.end()) continue;
    installed.push_back({.target = &target,
                         .name = name,
                         .role = found->second.by_sni ? deploy::Role::sni : deploy::Role::default_certificate});
  }
  return installed;
}

/// The other certificates that the target has.
std::vector<store::Certificate*> others_at(Context& context, const std::string& certificate,
                                           const std::string& target) {
  std::vector<store::Certificate*> others;
  for (auto& [name, other] : context.inventory) {
    const auto found = other.state.deployments.find(target);
    if (name == certificate || other.versions.empty() || found == other.state.deployments.end()) continue;
    if (found->second.state == store::Deployment::State::unverified || is_settled(found->second.state))
      others.push_back(&other);
  }
  return others;
}

void forget(Context& context, store::Certificate& certificate, const std::string& target) {
  certificate.state.deployments.erase(target);
  context.store.certificates.save(certificate);
}

/// Where it was the default one, another has taken its place; where it is shown by SNI, it is withdrawn. What does not
/// work harms nobody, and is a warning.
void take_off(Context& context, store::Certificate& certificate) {
  const store::Version* live = certificate.live.intact();
  for (const Assignment& at : installed_at(context, certificate)) {
    if (live == nullptr || others_at(context, certificate.name, at.name).empty()) continue;
    if (at.role == deploy::Role::sni) {
      const deploy::DeployOutcome result = run_at(context, deploy::withdraw, certificate, *live, at, true);
      if (!result.succeeded()) {
        context.report.add_warning(
            {.code = "not_withdrawn",
             .subject = certificate.name,
             .message = fmt::format("{}: {}: no name is planned for it any more, but it stays: {}", certificate.name,
                                    at.name, result.reason),
             .hint = result.hint});
        continue;
      }
      log::info(fmt::format("{}: {}: withdrawn, since no name is planned for it any more", certificate.name, at.name));
    }
    forget(context, certificate, at.name);
  }
}

/// Others that were the default one at the target, and that it does not take any more: nothing of them is there.
void forget_displaced(Context& context, const std::string& certificate, const std::string& target) {
  const Assignments assignments(context.config.targets, context.inventory);
  for (store::Certificate* other : others_at(context, certificate, target)) {
    const auto assigned = assignments.of(other->name);
    const bool is_taken = std::ranges::find(assigned, target, &Assignment::name) != assigned.end();
    if (!is_taken && !other->state.deployments.at(target).by_sni) forget(context, *other, target);
  }
}

/// What there is for a certificate that was shown by SNI at the target, and now is the default one there: left behind
/// it would be shown again one day. What does not work harms nobody, and is a warning.
void tidy_after_sni(Context& context, const store::Certificate& certificate, const Assignment& at) {
  const auto before = certificate.state.deployments.find(at.name);
  if (before == certificate.state.deployments.end() || !before->second.by_sni || before->second.served_version.empty())
    return;
  try {
    const store::Version version =
        context.store.certificates.load_version(certificate.name, before->second.served_version);
    deploy::withdraw_from_sni(context.clock, *at.target,
                              make_delivery(context.store.certificates, certificate, version, deploy::Role::sni),
                              deploy_options(context.store.certificates, certificate.name, at.name));
  } catch (const Error& e) {
    context.report.add_warning({.code = "not_withdrawn",
                                .subject = certificate.name,
                                .message = fmt::format("{}: {}: it is the default one now, but what showed it by SNI "
                                                       "stays: {}",
                                                       certificate.name, at.name, e.message()),
                                .hint = e.hint()});
  }
}

std::string list_names(const std::vector<store::Certificate*>& certificates) {
  std::vector<std::string> names;
  for (const store::Certificate* certificate : certificates)
    names.push_back(certificate->name);
  return join(names, ", ");
}

}  // namespace

bool withdraw(Context& context, store::Certificate& certificate, const store::Version& version,
              report::CertificateOutcome& outcome) {
  bool all_withdrawn = true;
  for (const Assignment& at : installed_at(context, certificate)) {
    const std::vector<store::Certificate*> others = others_at(context, certificate.name, at.name);
    const deploy::DeployOutcome result =
        at.role == deploy::Role::default_certificate && !others.empty()
            ? deploy::DeployOutcome{.status = deploy::DeployOutcome::Status::failed,
                                    .reason = "it is the default one there, beside " + list_names(others),
                                    .hint = "take these away first: mxcert rollback " + others.front()->name}
            : run_at(context, deploy::withdraw, certificate, version, at, !others.empty());
    const bool withdrawn = report_result(context.report, certificate.name, at.name, result, outcome);
    all_withdrawn = withdrawn && all_withdrawn;
    if (withdrawn) remember_result(context, certificate, version, at, result);
  }
  return all_withdrawn;
}

void withdraw_unplanned(Context& context) {
  const Assignments assignments(context.config.targets, context.inventory);
  const std::vector<std::string>& planned = assignments.certificates();
  const auto serves = [&](const std::string& name) {
    return is_in_service(context, assignments, context.inventory.at(name));
  };
  if (planned.empty() || !std::ranges::all_of(planned, serves)) return;
  for (auto& [name, certificate] : context.inventory)
    if (certificate.state.unplanned) take_off(context, certificate);
}

void clean_up_for_default(Context& context, store::Certificate& certificate, const Assignment& at) {
  tidy_after_sni(context, certificate, at);
  forget_displaced(context, certificate.name, at.name);
}

}  // namespace mxcert::app
