#include "deploy/undo.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "deploy/journal.h"
#include "deploy/judge.h"

namespace mxcert::deploy {
namespace fs = std::filesystem;
namespace {

/// Does `step`; what it throws is added to `failure`.
template <typename Action>
void attempt(std::string& failure, Action step) {
  try {
    step();
  } catch (const Error& e) {
    failure += (failure.empty() ? "" : "; ") + e.message();
  }
}

/// A hook that does not know the event rollback is asked to reload by the event deploy.
void run_rollback(Clock& clock, const fs::path& program, const Target& target, const Delivery& delivery,
                  bool unconfigure, std::span<const fs::path> leaving) {
  if (run_hook(clock, program, HookEvent::rollback, target, delivery, unconfigure, leaving).handled) return;
  run_hook(clock, program, HookEvent::deploy, target, delivery, false);
}

std::vector<fs::path> find_leaving(std::span<const FileChange> changes) {
  std::vector<fs::path> leaving;
  for (const FileChange& change : changes)
    if (!change.after) leaving.push_back(change.path);
  return leaving;
}

/// What an earlier deployment configured, which was proven, is what was there before this one.
bool has_configured_before(const DeployOptions& options) {
  const auto original = load_journal(options.original_directory);
  return original && original->configures;
}

void remove_temporaries(std::span<const KeptFile> files) {
  for (const KeptFile& file : files)
    ::unlink(temporary_path(file.path).c_str());
}

std::vector<Check> checks_of(std::span<const Observation> observations) {
  std::vector<Check> checks;
  for (const Observation& observation : observations)
    checks.push_back(observation.check);
  return checks;
}

std::string look_again(Clock& clock, const DeployOptions& options, const Undo& undo, UndoResult& result) {
  const std::set<std::string> kept_leaves = leaves_before(undo.changes);
  const Deadline patience = Deadline::after(clock, options.restore_timeout);
  Judgement judgement;
  result.after = observe_until(
      clock, checks_of(undo.before), options.probe_timeout, std::max(options.restore_timeout, options.restart_timeout),
      [](const Observation&) { return false; },  // few, and all have to be right at the same time
      [&](std::span<const Observation> after) {
        judgement = judge_restored(undo.before, after, kept_leaves, undo.expectation);
        return judgement.good() || (patience.passed(clock) && !any_gone(undo.before, after));
      });
  return judgement.good() ? std::string() : summarize(judgement.faults);
}

/// The files as they were; `undone` says whether that was possible.
std::string restore_after_kill(Clock& clock, const fs::path& program, const Target& target, const Delivery& delivery,
                               const DeployOptions& options, const Journal& journal) {
  remove_temporaries(journal.files);
  const Restoration restoration = plan_restoration(journal.files);
  if (restoration.taken_over)
    return fmt::format(
        "an earlier run was interrupted while it deployed {}; {} has been replaced since and is left alone",
        journal.certificate_name, restoration.taken_over->string());
  const bool unconfigure = journal.configures && !has_configured_before(options);
  const std::string failure = put_back(clock, program, target, delivery, restoration.changes, unconfigure, {});
  if (!failure.empty())
    throw Error(fmt::format("undoing the interrupted deployment of {}: {}", journal.certificate_name, failure),
                "put that right and run the same command again");
  return fmt::format("an earlier run was interrupted while it deployed {}: undone first", journal.certificate_name);
}

}  // namespace

std::string put_back(Clock& clock, const fs::path& program, const Target& target, const Delivery& delivery,
                     std::span<const FileChange> changes, bool unconfigure,
                     const std::function<void(const fs::path&)>& before_each) {
  std::string failure;
  const std::vector<fs::path> leaving = find_leaving(changes);
  // A daemon does not begin with a configuration that names what is not there: that goes before the files do.
  if (unconfigure || (!leaving.empty() && !target.listed))
    attempt(failure, [&] { run_rollback(clock, program, target, delivery, unconfigure, leaving); });
  attempt(failure, [&] { make_changes(changes, before_each); });
  const bool nothing_is_left =
      unconfigure && delivery.role == Role::default_certificate && leaving.size() == changes.size();
  if (!nothing_is_left) attempt(failure, [&] { run_rollback(clock, program, target, delivery, false, {}); });
  return failure;
}

UndoResult undo_deployment(Clock& clock, const fs::path& program, const Target& target, const Delivery& delivery,
                           const DeployOptions& options, const Undo& undo) {
  UndoResult result;
  std::vector<FileChange> changes;
  attempt(result.failure, [&] { changes = plan_restoration(keep(undo.changes)).changes; });
  if (result.failure.empty() && changes.empty() && !undo.hook_ran) {
    remove_journal(options.journal_directory);
    return result;
  }
  bool unconfigure = undo.configured;
  attempt(result.failure, [&] { unconfigure = unconfigure && !has_configured_before(options); });
  const std::string failure =
      put_back(clock, program, target, delivery, changes, unconfigure, [&](const fs::path& path) {
        if (options.progress) options.progress(Step::restoring, path.string());
      });
  if (!failure.empty()) result.failure += (result.failure.empty() ? "" : "; ") + failure;
  if (!result.failure.empty()) return result;
  remove_journal(options.journal_directory);
  if (!undo.before.empty()) result.failure = look_again(clock, options, undo, result);
  return result;
}

std::optional<std::string> recover_unfinished(Clock& clock, const Target& target, const Delivery& delivery,
                                              const DeployOptions& options) {
  if (!directory_exists(options.journal_directory)) return std::nullopt;
  const auto journal = load_journal(options.journal_directory);
  std::optional<std::string> done;
  if (journal) {
    const Delivery interrupted{.certificate_name = journal->certificate_name,
                               .names = journal->names,
                               .bundle = delivery.bundle,
                               .further_bundles = delivery.further_bundles,
                               .lineage = delivery.lineage,
                               .role = journal->role};
    done = restore_after_kill(clock, find_program(target, options.hooks_directory), target, interrupted, options,
                              *journal);
  }
  remove_journal(options.journal_directory);
  return done;
}

}  // namespace mxcert::deploy
