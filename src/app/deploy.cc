#include <fmt/format.h>

#include <algorithm>

#include "app/assignment.h"
#include "app/commands.h"
#include "app/context.h"
#include "app/deliver.h"
#include "app/withdrawal.h"
#include "base/error.h"
#include "base/text.h"
#include "issue/key_types.h"
#include "issue/renewal.h"

namespace mxcert::app {
namespace {

void require_targets(const Context& context) {
  if (context.config.targets.empty())
    throw ConfigError("no deploy target is configured", "add [[deploy]] hook = \"exim\", or --deploy exim");
}

void print_outcomes(const Context& context) {
  if (context.invocation.json) {
    report::write_result(to_json(context.report));
  } else if (!context.invocation.quiet) {
    report::write_result(to_text(context.report, context.clock.now()));
  }
}

report::CertificateOutcome outcome_for(const std::string& name, const store::Version& version, const char* action) {
  return {.name = name,
          .names = version.leaf.names,
          .action = action,
          .result = "failed",
          .version = version.number,
          .not_after = issue::end_of(version),
          .targets = {},
          .key_types = issue::key_types_of(version)};
}

void require_assignment(const Context& context, const std::string& name) {
  if (!Assignments(context).of(name).empty()) return;
  if (context.store.certificates.load_state(name).unplanned)
    throw Error(fmt::format("the plan has no use for {} any more", name), "mxcert plan says why");
  throw Error(fmt::format("no deploy target takes {}", name), "see certificates under [[deploy]]");
}

void deploy_one(Context& context, const std::string& name) {
  const auto live = context.store.certificates.find_live(name);
  if (!live) throw Error(fmt::format("{} has no live version", name), "mxcert issue gets one");
  report::CertificateOutcome outcome = outcome_for(name, *live, "deploy");
  require_assignment(context, name);
  if (context.invocation.dry_run) {
    outcome.result = "planned";
  } else if (deliver(context, name, *live, outcome)) {
    outcome.result = "deployed";
  }
  context.report.add(std::move(outcome));
}

/// The number before the live one; empty when there is none.
std::optional<std::string> previous_version(const Context& context, const std::string& name, const std::string& live) {
  const std::vector<std::string> versions = context.store.certificates.versions(name);
  const auto at = std::ranges::find(versions, live);
  if (at == versions.end() || at == versions.begin()) return std::nullopt;
  return *std::prev(at);
}

void roll_back_to(Context& context, const std::string& name, const std::string& from, const std::string& to) {
  if (!context.config.targets.empty()) require_assignment(context, name);
  const store::Version version = context.store.certificates.load(name, to);
  report::CertificateOutcome outcome = outcome_for(name, version, "rollback");
  context.store.certificates.make_live(name, to);
  if (deliver(context, name, version, outcome)) {
    outcome.result = "rolled_back";
  } else if (std::ranges::none_of(outcome.targets,
                                  [](const report::TargetOutcome& t) { return t.result == "installed_unverified"; })) {
    context.store.certificates.make_live(name, from);  // what is installed is what is live
  }
  context.report.add(std::move(outcome));
}

}  // namespace

void run_deploy(Context& context) {
  require_targets(context);
  const store::Lock lock = context.store.directory.lock(context.clock, context.invocation.lock_timeout);
  recover_deployments(context);
  const std::vector<std::string> names =
      context.invocation.arguments.empty() ? Assignments(context).certificates() : chosen_certificates(context);
  if (names.empty()) throw Error("no certificate is stored yet", "mxcert issue gets one");
  for (const std::string& name : names) {
    try {
      deploy_one(context, name);
    } catch (Error& e) {
      e.add_context(name);
      context.report.add_error(e, name);
    }
  }
  print_outcomes(context);
}

void run_rollback(Context& context) {
  const store::Lock lock = context.store.directory.lock(context.clock, context.invocation.lock_timeout);
  recover_deployments(context);
  const std::string name = chosen_certificates(context).front();
  const auto live = context.store.certificates.live_number(name);
  if (!live) throw Error(fmt::format("{} has no live version", name), "mxcert issue gets one");
  const auto previous = previous_version(context, name, *live);
  if (context.invocation.dry_run) {
    report::CertificateOutcome outcome = outcome_for(
        name, context.store.certificates.load(name, previous.value_or(*live)), previous ? "rollback" : "withdraw");
    outcome.result = "planned";
    context.report.add(std::move(outcome));
  } else if (previous) {
    roll_back_to(context, name, *live, *previous);
  } else {
    require_targets(context);
    const store::Version version = context.store.certificates.load(name, *live);
    report::CertificateOutcome outcome = outcome_for(name, version, "rollback");
    if (withdraw(context, name, version, outcome)) outcome.result = "withdrawn";
    context.report.add(std::move(outcome));
  }
  print_outcomes(context);
}

}  // namespace mxcert::app
