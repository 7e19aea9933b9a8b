#include <fmt/format.h>

#include "base/error.h"
#include "deploy/deploy.h"
#include "deploy/install.h"
#include "deploy/undo.h"

namespace mxcert::deploy {
namespace fs = std::filesystem;
namespace {

using Status = DeployOutcome::Status;

/// The removal of those of `files` that hold what was delivered.
std::vector<FileChange> plan_removals(std::span<const DaemonFile> files, const Delivery& delivery) {
  std::vector<FileChange> removals;
  for (const DaemonFile& file : files) {
    FileChange change{.path = follow_links(file.path)};
    change.before = load_state(change.path);
    if (change.before && change.before->content == text_of(delivery.bundle, file.content))
      removals.push_back(std::move(change));
  }
  return removals;
}

void take_away(Clock& clock, const fs::path& program, const Target& target, const Delivery& delivery,
               DeployOutcome& outcome) {
  outcome.status = Status::unchanged;
  const Description before = describe(clock, program, target, delivery);
  outcome.daemon = before.daemon;
  if (before.plain_script)
    throw Error(fmt::format("{} is a script of your own", before.daemon), "undo by hand what it did");
  if (!before.configured) return;
  run_rollback(clock, program, target, delivery, true);
  const Description after = describe(clock, program, target, delivery);
  if (after.configured)
    throw Error(fmt::format("{} was not set up by mxcert, its configuration still names a certificate", before.daemon),
                "to serve another certificate, deploy that one");
  const std::vector<FileChange> removals = plan_removals(before.files, delivery);
  make_changes(removals, [&](const fs::path& path) { outcome.changed_files.push_back(path); });
  outcome.status = Status::rolled_back;
  outcome.reason = fmt::format("{} is as it was before mxcert set it up", outcome.daemon);
}

}  // namespace

DeployOutcome withdraw(Clock& clock, const Target& target, const Delivery& delivery, const DeployOptions& options) {
  DeployOutcome outcome;
  const fs::path program = find_hook(target.hook, options.hooks_directory);
  if (const auto recovered = recover_unfinished(clock, target, delivery, options))
    outcome.warnings.push_back(*recovered);
  try {
    take_away(clock, program, target, delivery, outcome);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& e) {
    outcome.status = Status::failed;
    outcome.reason = e.message();
    outcome.hint = e.hint();
  }
  return outcome;
}

}  // namespace mxcert::deploy
