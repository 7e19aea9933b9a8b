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
std::vector<Assignment> installed_at(const Context& context, const std::string& certificate) {
  const store::CertificateState state = context.store.certificates.load_state(certificate);
  std::vector<Assignment> installed = Assignments(context).of(certificate);
  std::erase_if(installed, [&](const Assignment& at) { return state.deployments.contains(at.name); });
  for (const deploy::Target& target : context.config.targets) {
    const std::string name = target_name(context, target);
    const auto found = state.deployments.find(name);
    if (found == state.deployments.end()) continue;
    installed.push_back(
        {.target = &target, .name = name, .role = found->second.by_sni ? deploy::Role::sni : deploy::Role::fallback});
  }
  return installed;
}

/// The other certificates that the target has.
std::vector<std::string> others_at(const Context& context, const std::string& certificate, const std::string& target) {
  std::vector<std::string> others = context.store.certificates.names();
  std::erase_if(others, [&](const std::string& other) {
    const store::CertificateState state = context.store.certificates.load_state(other);
    const auto found = state.deployments.find(target);
    return other == certificate || found == state.deployments.end() ||
           (found->second.state != store::Deployment::State::unverified && !is_settled(found->second.state));
  });
  return others;
}

void forget(Context& context, const std::string& certificate, const std::string& target) {
  store::CertificateState state = context.store.certificates.load_state(certificate);
  state.deployments.erase(target);
  context.store.certificates.save_state(certificate, state);
}

/// Where it was the default one, another has taken its place; where it is shown by SNI, it is withdrawn. What does not
/// work harms nobody, and is a warning.
void take_off(Context& context, const std::string& certificate) {
  const auto live = context.store.certificates.find_intact_live(certificate);
  for (const Assignment& at : installed_at(context, certificate)) {
    const std::vector<std::string> others = others_at(context, certificate, at.name);
    if (others.empty() || !live) continue;
    if (at.role == deploy::Role::sni) {
      const deploy::DeployOutcome result = run_at(context, deploy::withdraw, certificate, *live, at, true);
      if (!result.succeeded()) {
        context.report.add_warning(
            {.code = "not_withdrawn",
             .subject = certificate,
             .message = fmt::format("{}: {}: no name is planned for it any more, but it stays: {}", certificate,
                                    at.name, result.reason),
             .hint = result.hint});
        continue;
      }
      log::info(fmt::format("{}: {}: withdrawn, since no name is planned for it any more", certificate, at.name));
    }
    forget(context, certificate, at.name);
  }
}

/// Others that were the default one at the target, and that it does not take any more: nothing of them is there.
void forget_displaced(Context& context, const std::string& certificate, const std::string& target) {
  const Assignments assignments(context);
  for (const std::string& other : others_at(context, certificate, target)) {
    const auto assigned = assignments.of(other);
    const bool is_taken = std::ranges::find(assigned, target, &Assignment::name) != assigned.end();
    if (!is_taken && !context.store.certificates.load_state(other).deployments.at(target).by_sni)
      forget(context, other, target);
  }
}

/// What there is for a certificate that was shown by SNI at the target, and now is the default one there: left behind
/// it would be shown again one day. What does not work harms nobody, and is a warning.
void tidy_after_sni(Context& context, const std::string& certificate, const Assignment& at) {
  const store::CertificateState state = context.store.certificates.load_state(certificate);
  const auto before = state.deployments.find(at.name);
  if (before == state.deployments.end() || !before->second.by_sni || before->second.served_version.empty()) return;
  try {
    const store::Version version = context.store.certificates.load(certificate, before->second.served_version);
    deploy::withdraw_from_sni(context.clock, *at.target,
                              make_delivery(context, certificate, version, deploy::Role::sni),
                              deploy_options(context, certificate, at.name));
  } catch (const Error& e) {
    context.report.add_warning({.code = "not_withdrawn",
                                .subject = certificate,
                                .message = fmt::format("{}: {}: it is the default one now, but what showed it by SNI "
                                                       "stays: {}",
                                                       certificate, at.name, e.message()),
                                .hint = e.hint()});
  }
}

}  // namespace

bool withdraw(Context& context, const std::string& certificate, const store::Version& version,
              report::CertificateOutcome& outcome) {
  bool all_withdrawn = true;
  for (const Assignment& at : installed_at(context, certificate)) {
    const std::vector<std::string> others = others_at(context, certificate, at.name);
    const deploy::DeployOutcome result =
        at.role == deploy::Role::fallback && !others.empty()
            ? deploy::DeployOutcome{.status = deploy::DeployOutcome::Status::failed,
                                    .reason = "it is the default one there, beside " + join(others, ", "),
                                    .hint = "take these away first: mxcert rollback " + others.front()}
            : run_at(context, deploy::withdraw, certificate, version, at, !others.empty());
    const bool withdrawn = report_result(context, certificate, at.name, result, outcome);
    all_withdrawn = withdrawn && all_withdrawn;
    if (withdrawn) remember_result(context, certificate, version, at, result);
  }
  return all_withdrawn;
}

void withdraw_unplanned(Context& context) {
  const Assignments assignments(context);
  const std::vector<std::string>& planned = assignments.certificates();
  const auto serves = [&](const std::string& name) { return is_in_service(context, assignments, name); };
  if (planned.empty() || !std::ranges::all_of(planned, serves)) return;
  for (const std::string& certificate : context.store.certificates.names())
    if (context.store.certificates.load_state(certificate).unplanned) take_off(context, certificate);
}

void clean_up_for_default(Context& context, const std::string& certificate, const Assignment& at) {
  tidy_after_sni(context, certificate, at);
  forget_displaced(context, certificate, at.name);
}

}  // namespace mxcert::app
