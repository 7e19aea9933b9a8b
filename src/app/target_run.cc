#include "app/target_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/context.h"
#include "app/dane.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "config/ca_config.h"
#include "issue/internal_ca.h"
#include "pki/trust.h"

namespace mxcert::app {
namespace {

using Status = deploy::DeployOutcome::Status;

/// Where what was there before is kept; the target's name becomes that of a folder.
std::filesystem::path backup_folder(const store::Certificates& certificates, const std::string& certificate,
                                    std::string target) {
  std::ranges::replace(target, '/', '_');
  return certificates.backup_path(certificate) / target;
}

/// Of the certificates that may have been the default one there.
std::vector<std::filesystem::path> other_originals(const Context& context, const std::string& certificate,
                                                   const std::string& target) {
  std::vector<std::filesystem::path> originals;
  for (const auto& [other, kept] : context.inventory)
    if (other != certificate)
      originals.push_back(backup_folder(context.store.certificates, other, target) / "original");
  return originals;
}

std::string describe(deploy::Step step, std::string_view detail) {
  switch (step) {
    case deploy::Step::describing:
      return "asking where it reads its certificate";
    case deploy::Step::observing:
      return "looking at what is served now";
    case deploy::Step::consulting:
      return "looking up TLSA records";
    case deploy::Step::recording:
      return "keeping the previous files";
    case deploy::Step::installing:
      return fmt::format("installing {}", detail);
    case deploy::Step::reloading:
      return "reloading";
    case deploy::Step::verifying:
      return "verifying by handshakes";
    case deploy::Step::restoring:
      return fmt::format("putting back {}", detail);
    case deploy::Step::finished:
      return "done";
  }
  return {};
}

std::string message_of(const deploy::DeployOutcome& outcome) {
  const bool names_itself = outcome.daemon.empty() || outcome.reason.starts_with(outcome.daemon);
  const std::string daemon = names_itself ? "" : outcome.daemon + ": ";
  switch (outcome.status) {
    case Status::unchanged:
      if (!outcome.reason.empty()) return daemon + outcome.reason;
      return fmt::format("{}serves it already ({})", daemon, count_of(outcome.before.size(), "handshake"));
    case Status::deployed_and_verified:
      return fmt::format("{}installed and verified ({})", daemon, count_of(outcome.after.size(), "handshake"));
    case Status::installed_unverified:
      return fmt::format("{}installed, not verified: {}", daemon, outcome.reason);
    case Status::unverifiable:
      return fmt::format("{}done, not verified: {}", daemon, outcome.reason);
    case Status::needs_configuration:
    case Status::tlsa_mismatch:
    case Status::tlsa_unknown:
      return fmt::format("{}nothing installed: {}", daemon, outcome.reason);
    case Status::rolled_back:
      return fmt::format("{}rolled back, what was served before is served again: {}", daemon, outcome.reason);
    case Status::rollback_failed:
      return fmt::format("{}failed, and could not be rolled back: {}", daemon, outcome.reason);
    case Status::failed:
      return fmt::format("{}failed: {}", daemon, outcome.reason);
    case Status::left_alone:
      return fmt::format("{}left as it is: {}", daemon, outcome.reason);
    case Status::withdrawn:
      return fmt::format("{}what was there before mxcert came is there again", daemon);
  }
  return outcome.reason;
}

store::Deployment::State state_of(Status status) {
  switch (status) {
    case Status::unchanged:
    case Status::deployed_and_verified:
      return store::Deployment::State::verified;
    case Status::installed_unverified:
      return store::Deployment::State::unverified;
    case Status::unverifiable:
      return store::Deployment::State::unverifiable;
    case Status::withdrawn:
      return store::Deployment::State::withdrawn;
    default:
      return store::Deployment::State::failed;
  }
}

/// Which version the target serves after a deployment of `number`: the one before it, when that did not work and things
/// are as they were.
std::string served_after(const store::Deployment& before, const std::string& number, Status status) {
  if (status == Status::rollback_failed || status == Status::withdrawn) return {};
  return state_of(status) == store::Deployment::State::failed ? before.served_version : number;
}

bool has(const store::Version& version, const pki::Certificate& leaf) {
  const auto parts = version.parts();
  return std::ranges::any_of(
      parts, [&](const store::VersionPart& part) { return part.leaf.sha256_fingerprint == leaf.sha256_fingerprint; });
}

/// Whether a version of ours was or is served: which names it loses the plan has decided.
bool is_ours(const Context& context, const pki::Certificate& served) {
  return std::ranges::any_of(context.inventory, [&](const auto& entry) {
    const store::Certificate& certificate = entry.second;
    return std::ranges::any_of(certificate.versions, [&](const std::string& number) {
      try {
        return has(context.store.certificates.load_version(certificate.name, number), served);
      } catch (const Error&) {  // damaged: nobody serves it
        return false;
      }
    });
  });
}

/// Whether another certificate of ours has the name, and belongs to the same target.
bool is_elsewhere(const Context& context, const std::string& target, const std::string& name) {
  const Assignments assignments(context.config.targets, context.inventory);
  return std::ranges::any_of(assignments.certificates(), [&](const std::string& certificate) {
    const auto assigned = assignments.of(certificate);
    if (std::ranges::find(assigned, target, &Assignment::name) == assigned.end()) return false;
    const store::Version* live = context.inventory.at(certificate).live.intact();
    return live != nullptr && pki::covers(live->leaf, name);
  });
}

/// Those on the certificate, and those that its wildcards stand for: no client asks for a wildcard, nor has it TLSA
/// records.
std::vector<std::string> names_served(const store::CertificateState& state, const pki::Certificate& leaf) {
  std::vector<std::string> names = leaf.names;
  for (const std::string& name : state.desired)
    if (pki::covers(leaf, name) && std::ranges::find(names, name) == names.end()) names.push_back(name);
  return names;
}

}  // namespace

deploy::Delivery make_delivery(const store::Certificates& certificates, const store::Certificate& certificate,
                               const store::Version& version, deploy::Role role) {
  deploy::Delivery delivery{.certificate_name = certificate.name,
                            .names = names_served(certificate.state, version.leaf),
                            .bundle = version.bundle,
                            .lineage = certificates.live_path(certificate.name),
                            .role = role};
  for (const store::VersionPart& part : version.further)
    delivery.further_bundles.push_back(part.bundle);
  return delivery;
}

deploy::DeployOptions deploy_options(const store::Certificates& certificates, const std::string& certificate,
                                     const std::string& target) {
  const std::filesystem::path folder = backup_folder(certificates, certificate, target);
  return {.journal_directory = folder / "unfinished", .original_directory = folder / "original"};
}

bool is_for_the_public(const store::Version& version) {
  return config::is_known_ca(version.record.directory) && !issue::is_internal(version);
}

deploy::DeployOutcome run_at(Context& context, decltype(&deploy::deploy) function,
                             const store::Certificate& certificate, const store::Version& version, const Assignment& at,
                             bool keep_configuration) {
  deploy::DeployOptions options = deploy_options(context.store.certificates, certificate.name, at.name);
  if (at.role == deploy::Role::default_certificate)
    options.other_originals = other_originals(context, certificate.name, at.name);
  options.find_tlsa = tlsa_source(context);
  options.keep_configuration = keep_configuration;
  options.may_lose = [&](const pki::Certificate& served, const std::string& name) {
    return context.policy.may_drop_names || is_elsewhere(context, at.name, name) || is_ours(context, served);
  };
  options.first_goes_unchecked = issue::is_internal(version);
  options.find_trust_problem = [now = context.clock.now()](std::span<const pki::Certificate> chain) {
    return pki::find_trust_problem(chain, now);
  };
  options.only_where_nothing_is_served =
      issue::is_placeholder(context.config.ca, version) && !context.policy.replaces_anything;
  options.may_lose_trust = context.policy.may_lose_trust || !is_for_the_public(version);
  if (context.policy.tells_steps)
    options.progress = [&](deploy::Step step, std::string_view detail) {
      log::info(fmt::format("{}: {}: {}", certificate.name, at.name, describe(step, detail)));
    };
  try {
    return function(context.clock, *at.target, make_delivery(context.store.certificates, certificate, version, at.role),
                    options);
  } catch (const Error& e) {
    return {.status = Status::failed, .reason = e.message(), .hint = e.hint()};
  }
}

bool report_result(report::Report& report, const std::string& certificate, const std::string& target,
                   const deploy::DeployOutcome& result, report::CertificateOutcome& outcome) {
  const std::string message = message_of(result);
  for (const std::string& warning : result.warnings)
    report.add_warning(
        {.code = "deployment", .subject = certificate, .message = fmt::format("{}: {}", target, warning)});
  outcome.targets.push_back({.target = target, .status = result.status, .message = message});
  if (result.status == Status::unverifiable)
    report.add_warning({.code = "unverifiable",
                        .subject = certificate,
                        .message = fmt::format("{}: {}: {}", certificate, target, message),
                        .hint = result.hint});
  const bool lacks_lines = result.status == Status::needs_configuration;
  if (!lacks_lines && !result.configuration.empty())
    report.add_warning(
        {.code = "partly_configured",
         .subject = certificate,
         .message = fmt::format("{}: {}: {} is not set up for all of it", certificate, target, result.daemon),
         .hint = "write these lines, then run mxcert deploy\n" + result.configuration});
  if (result.status == Status::left_alone) return false;
  if (result.status == Status::withdrawn || is_settled(state_of(result.status))) return true;
  const std::string lines = lacks_lines ? "\n" + result.configuration : "";
  report.add_error({.code = std::string(to_string(result.status)),
                    .subject = certificate,
                    .message = fmt::format("{}: {}: {}", certificate, target, message),
                    .hint = result.hint + lines});
  return false;
}

void remember_result(Context& context, store::Certificate& certificate, const store::Version& version,
                     const Assignment& at, const deploy::DeployOutcome& result) {
  store::Deployment& deployment = certificate.state.deployments[at.name];
  deployment = {.version = version.number,
                .state = state_of(result.status),
                .by_sni = at.role == deploy::Role::sni,
                .at = context.clock.now(),
                .message = message_of(result),
                .served_version = served_after(deployment, version.number, result.status)};
  context.store.certificates.save(certificate);
}

bool is_settled(store::Deployment::State state) {
  return state == store::Deployment::State::verified || state == store::Deployment::State::unverifiable;
}

}  // namespace mxcert::app
