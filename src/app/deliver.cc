#include "app/deliver.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/ca_config.h"
#include "app/context.h"
#include "app/dane.h"
#include "app/internal_ca.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "deploy/deploy.h"
#include "pki/trust.h"

namespace mxcert::app {
namespace {

using Status = deploy::DeployOutcome::Status;

/// A target's name as that of a folder.
std::string folder_name(std::string name) {
  std::ranges::replace(name, '/', '_');
  return name;
}

deploy::DeployOptions make_options(const Context& context, const std::string& certificate, const std::string& target) {
  const auto folder_of = [&](const std::string& name) {
    return context.certificates.backup_path(name) / folder_name(target);
  };
  deploy::DeployOptions options{.journal_directory = folder_of(certificate) / "unfinished",
                                .original_directory = folder_of(certificate) / "original"};
  for (const std::string& other : context.certificates.names())
    if (other != certificate) options.other_originals.push_back(folder_of(other) / "original");
  return options;
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
    default:
      return store::Deployment::State::failed;
  }
}

/// Which version the target serves after a deployment of `number`: the one before it, when that did not work and things
/// are as they were.
std::string served_after(const Context& context, const std::string& certificate, const std::string& target,
                         const std::string& number, Status status) {
  if (state_of(status) != store::Deployment::State::failed) return number;
  if (status == Status::rollback_failed) return {};
  const store::CertificateState state = context.certificates.load_state(certificate);
  const auto before = state.deployments.find(target);
  return before == state.deployments.end() ? std::string() : before->second.served_version;
}

/// Whether a version of ours was or is served: which names it loses the plan has decided.
bool is_ours(const Context& context, const pki::Certificate& served) {
  return std::ranges::any_of(context.certificates.names(), [&](const std::string& name) {
    return std::ranges::any_of(context.certificates.versions(name), [&](const std::string& number) {
      try {
        const auto parts = context.certificates.load(name, number).parts();
        return std::ranges::any_of(parts, [&](const store::VersionPart& part) {
          return part.leaf.sha256_fingerprint == served.sha256_fingerprint;
        });
      } catch (const Error&) {  // damaged: nobody serves it
        return false;
      }
    });
  });
}

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

/// Of a CA that the public is to trust; what trusts a CA of one's own is one's own affair.
bool is_for_the_public(const store::Version& version) {
  return is_known_ca(version.record.directory) && !is_internal(version);
}

/// Whether another certificate of ours has the name, and belongs to the same target.
bool is_elsewhere(const Context& context, const std::string& target, const std::string& name) {
  const Assignments assignments(context);
  return std::ranges::any_of(assignments.certificates(), [&](const std::string& certificate) {
    const auto assigned = assignments.of(certificate);
    if (std::ranges::find(assigned, target, &Assignment::name) == assigned.end()) return false;
    const auto live = context.certificates.find_intact_live(certificate);
    return live && pki::covers(live->leaf, name);
  });
}

using DeployFunction = decltype(&deploy::deploy);

/// Runs `function`, which is deploy or withdraw, at one target; what it throws becomes an outcome.
deploy::DeployOutcome run_at(Context& context, DeployFunction function, const std::string& certificate,
                             const store::Version& version, const Assignment& at, bool keep_configuration = false) {
  deploy::DeployOptions options = make_options(context, certificate, at.name);
  options.find_tlsa = tlsa_source(context);
  options.keep_configuration = keep_configuration;
  options.may_lose = [&](const pki::Certificate& served, const std::string& name) {
    return context.invocation.drop_names || is_elsewhere(context, at.name, name) || is_ours(context, served);
  };
  options.first_goes_unchecked = is_internal(version);
  options.find_trust_problem = [now = context.clock.now()](std::span<const pki::Certificate> chain) {
    return pki::find_trust_problem(chain, now);
  };
  // A roll back is the administrator's word, whatever is served.
  const bool rolls_back = context.invocation.verb == Verb::rollback;
  options.only_where_nothing_is_served = is_placeholder(context, version) && !rolls_back;
  options.may_lose_trust = context.invocation.allow_untrusted || rolls_back || !is_for_the_public(version);
  if (context.tells_steps())
    options.progress = [&](deploy::Step step, std::string_view detail) {
      log::info(fmt::format("{}: {}: {}", certificate, at.name, describe(step, detail)));
    };
  try {
    return function(context.clock, *at.target, make_delivery(context, certificate, version, at.role), options);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& e) {
    return {.status = Status::failed, .reason = e.message(), .hint = e.hint()};
  }
}

/// Nothing is left to be done at a target in that state.
bool is_settled(store::Deployment::State state) {
  return state == store::Deployment::State::verified || state == store::Deployment::State::unverifiable;
}

/// The administrator has taken the certificate away there: `renew` does not bring it back, only `issue` and `deploy`.
bool is_left_alone(const Context& context, const std::string& certificate, const std::string& target) {
  if (context.invocation.verb != Verb::renew) return false;
  const store::CertificateState state = context.certificates.load_state(certificate);
  const auto found = state.deployments.find(target);
  return found != state.deployments.end() && found->second.state == store::Deployment::State::withdrawn;
}

/// Adds what happened at one target to the run's report; false when that is an error.
bool report(Context& context, const std::string& certificate, const std::string& target,
            const deploy::DeployOutcome& result, CertificateOutcome& outcome) {
  const std::string message = message_of(result);
  for (const std::string& warning : result.warnings)
    context.report.add_warning(
        {.code = "deployment", .subject = certificate, .message = fmt::format("{}: {}", target, warning)});
  outcome.targets.push_back({.target = target, .result = std::string(to_string(result.status)), .message = message});
  if (result.status == Status::unverifiable)
    context.report.add_warning({.code = "unverifiable",
                                .subject = certificate,
                                .message = fmt::format("{}: {}: {}", certificate, target, message),
                                .hint = result.hint});
  const bool lacks_lines = result.status == Status::needs_configuration;
  if (!lacks_lines && !result.configuration.empty())
    context.report.add_warning(
        {.code = "partly_configured",
         .subject = certificate,
         .message = fmt::format("{}: {}: {} is not set up for all of it", certificate, target, result.daemon),
         .hint = "write these lines, then run mxcert deploy\n" + result.configuration});
  if (result.status == Status::left_alone) return false;
  if (result.status == Status::withdrawn || is_settled(state_of(result.status))) return true;
  const std::string lines = lacks_lines ? "\n" + result.configuration : "";
  context.report.add_error({.code = std::string(to_string(result.status)),
                            .subject = certificate,
                            .message = fmt::format("{}: {}: {}", certificate, target, message),
                            .hint = result.hint + lines});
  return false;
}

/// Whether a deployment has failed, and none has worked since.
bool was_kept_out(const Context& context, const std::string& certificate) {
  const store::CertificateState state = context.certificates.load_state(certificate);
  return std::ranges::any_of(state.deployments, [](const auto& deployment) {
    return deployment.second.state == store::Deployment::State::failed;
  });
}

/// What was in the way is not any more: `renew` need not wait.
void forget_failure(Context& context, const std::string& certificate) {
  store::CertificateState state = context.certificates.load_state(certificate);
  if (!state.failure) return;
  state.failure.reset();
  context.certificates.save_state(certificate, state);
}

/// How far the certificate came at the target.
void remember(Context& context, const std::string& certificate, const std::string& target,
              store::Deployment deployment) {
  store::CertificateState state = context.certificates.load_state(certificate);
  state.deployments[target] = std::move(deployment);
  context.certificates.save_state(certificate, state);
}

/// Where the certificate was put, in the role that it has there, and where it belongs, should the state have been lost.
std::vector<Assignment> installed_at(const Context& context, const std::string& certificate) {
  const store::CertificateState state = context.certificates.load_state(certificate);
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
  std::vector<std::string> others = context.certificates.names();
  std::erase_if(others, [&](const std::string& other) {
    const store::CertificateState state = context.certificates.load_state(other);
    const auto found = state.deployments.find(target);
    return other == certificate || found == state.deployments.end() ||
           (found->second.state != store::Deployment::State::unverified && !is_settled(found->second.state));
  });
  return others;
}

void forget(Context& context, const std::string& certificate, const std::string& target) {
  store::CertificateState state = context.certificates.load_state(certificate);
  state.deployments.erase(target);
  context.certificates.save_state(certificate, state);
}

/// Where it was the default one, another has taken its place; where it is shown by SNI, it is withdrawn. What does not
/// work harms nobody, and is a warning.
void take_off(Context& context, const std::string& certificate) {
  const auto live = context.certificates.find_intact_live(certificate);
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
  for (const std::string& other : others_at(context, certificate, target)) {
    const auto assigned = find_assignments(context, other);
    const bool is_taken = std::ranges::find(assigned, target, &Assignment::name) != assigned.end();
    if (!is_taken && !context.certificates.load_state(other).deployments.at(target).by_sni)
      forget(context, other, target);
  }
}

/// What there is for a certificate that was shown by SNI at the target, and now is the default one there: left behind
/// it would be shown again one day. What does not work harms nobody, and is a warning.
void tidy_after_sni(Context& context, const std::string& certificate, const Assignment& at) {
  const store::CertificateState state = context.certificates.load_state(certificate);
  const auto before = state.deployments.find(at.name);
  if (before == state.deployments.end() || !before->second.by_sni || before->second.served_version.empty()) return;
  try {
    const store::Version version = context.certificates.load(certificate, before->second.served_version);
    deploy::withdraw_from_sni(context.clock, *at.target,
                              make_delivery(context, certificate, version, deploy::Role::sni),
                              make_options(context, certificate, at.name));
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& e) {
    context.report.add_warning({.code = "not_withdrawn",
                                .subject = certificate,
                                .message = fmt::format("{}: {}: it is the default one now, but what showed it by SNI "
                                                       "stays: {}",
                                                       certificate, at.name, e.message()),
                                .hint = e.hint()});
  }
}

/// Those on the certificate, and those that its wildcards stand for: no client asks for a wildcard, nor has it TLSA
/// records.
std::vector<std::string> names_served(const Context& context, const std::string& certificate,
                                      const pki::Certificate& leaf) {
  std::vector<std::string> names = leaf.names;
  for (const std::string& name : context.certificates.load_state(certificate).desired)
    if (pki::covers(leaf, name) && std::ranges::find(names, name) == names.end()) names.push_back(name);
  return names;
}

}  // namespace

std::vector<std::string> chosen_certificates(const Context& context) {
  const std::vector<std::string> stored = context.certificates.names();
  for (const std::string& name : context.invocation.arguments) {
    if (std::ranges::find(stored, name) != stored.end()) continue;
    throw ConfigError(
        fmt::format("there is no certificate {}", printable(name, 300)),
        stored.empty() ? "none is stored yet: mxcert issue gets one" : "stored are " + join(stored, ", "));
  }
  return context.invocation.arguments.empty() ? stored : context.invocation.arguments;
}

deploy::Delivery make_delivery(const Context& context, const std::string& certificate, const store::Version& version,
                               deploy::Role role) {
  deploy::Delivery delivery{.certificate_name = certificate,
                            .names = names_served(context, certificate, version.leaf),
                            .bundle = version.bundle,
                            .lineage = context.certificates.live_path(certificate),
                            .role = role};
  for (const store::VersionPart& part : version.further)
    delivery.further_bundles.push_back(part.bundle);
  return delivery;
}

bool is_in_service(const Context& context, const Assignments& assignments, const std::string& certificate) {
  const auto live = context.certificates.live_number(certificate);
  if (!live) return context.config.targets.empty();
  const store::CertificateState state = context.certificates.load_state(certificate);
  return std::ranges::all_of(assignments.of(certificate), [&](const Assignment& at) {
    if (is_left_alone(context, certificate, at.name)) return true;
    const auto found = state.deployments.find(at.name);
    return found != state.deployments.end() && found->second.version == *live &&
           found->second.by_sni == (at.role == deploy::Role::sni) && is_settled(found->second.state);
  });
}

std::optional<std::set<std::string>> served_versions(const Context& context, const std::string& certificate) {
  const store::CertificateState state = context.certificates.load_state(certificate);
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
  for (const std::string& certificate : context.certificates.names()) {
    for (const deploy::Target& target : context.config.targets) {
      const std::string name = target_name(context, target);
      try {
        if (!context.certificates.live_number(certificate)) continue;
        const auto live = context.certificates.find_intact_live(certificate);
        const deploy::Delivery delivery =
            live ? make_delivery(context, certificate, *live)
                 : deploy::Delivery{.certificate_name = certificate,
                                    .names = {},
                                    .bundle = {},
                                    .lineage = context.certificates.live_path(certificate)};
        const auto done =
            deploy::recover_unfinished(context.clock, target, delivery, make_options(context, certificate, name));
        if (done) log::warning(fmt::format("{}: {}: an earlier run was cut short: {}", certificate, name, *done));
      } catch (const Interrupted&) {
        throw;
      } catch (Error& e) {
        e.add_context(fmt::format("{}: {}: cannot undo what an interrupted run left", certificate, name));
        context.report.add_error(e, certificate);
      }
    }
  }
}

bool deliver(Context& context, const std::string& certificate, const store::Version& version,
             CertificateOutcome& outcome) {
  const bool failed_before = was_kept_out(context, certificate);
  bool all_serve_it = true;
  std::string trust_problem;
  for (const Assignment& at : Assignments(context).of(certificate)) {
    if (is_left_alone(context, certificate, at.name)) continue;
    const deploy::DeployOutcome result = run_at(context, deploy::deploy, certificate, version, at);
    all_serve_it = report(context, certificate, at.name, result, outcome) && all_serve_it;
    report_dane(context, certificate, result.dane);
    if (result.succeeded() && (result.loses_trust || is_for_the_public(version))) trust_problem = result.trust_problem;
    if (result.succeeded() && at.role == deploy::Role::fallback) {
      tidy_after_sni(context, certificate, at);
      forget_displaced(context, certificate, at.name);
    }
    remember(context, certificate, at.name,
             {.version = version.number,
              .state = state_of(result.status),
              .by_sni = at.role == deploy::Role::sni,
              .at = context.clock.now(),
              .message = message_of(result),
              .served_version = served_after(context, certificate, at.name, version.number, result.status)});
  }
  if (!trust_problem.empty()) warn_of_untrusted_chain(context, certificate, trust_problem);
  if (failed_before && all_serve_it) forget_failure(context, certificate);
  return all_serve_it;
}

bool withdraw(Context& context, const std::string& certificate, const store::Version& version,
              CertificateOutcome& outcome) {
  bool all_withdrawn = true;
  for (const Assignment& at : installed_at(context, certificate)) {
    const std::vector<std::string> others = others_at(context, certificate, at.name);
    const deploy::DeployOutcome result =
        at.role == deploy::Role::fallback && !others.empty()
            ? deploy::DeployOutcome{.status = Status::failed,
                                    .reason = "it is the default one there, beside " + join(others, ", "),
                                    .hint = "take these away first: mxcert rollback " + others.front()}
            : run_at(context, deploy::withdraw, certificate, version, at, !others.empty());
    const bool withdrawn = report(context, certificate, at.name, result, outcome);
    all_withdrawn = withdrawn && all_withdrawn;
    if (withdrawn)
      remember(context, certificate, at.name,
               {.version = version.number,
                .state = store::Deployment::State::withdrawn,
                .by_sni = at.role == deploy::Role::sni,
                .at = context.clock.now(),
                .message = message_of(result),
                .served_version = {}});
  }
  return all_withdrawn;
}

void withdraw_unplanned(Context& context) {
  const Assignments assignments(context);
  const std::vector<std::string>& planned = assignments.certificates();
  const auto serves = [&](const std::string& name) { return is_in_service(context, assignments, name); };
  if (planned.empty() || !std::ranges::all_of(planned, serves)) return;
  for (const std::string& certificate : context.certificates.names())
    if (context.certificates.load_state(certificate).unplanned) take_off(context, certificate);
}

}  // namespace mxcert::app
