#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "deploy/deploy.h"
#include "deploy/install.h"
#include "deploy/journal.h"
#include "deploy/undo.h"

namespace mxcert::deploy {
namespace fs = std::filesystem;
namespace {

using Outcome = DeployOutcome::Status;

/// What `path` held before the first deployment; empty when it did not exist then.
std::optional<FileState> original_state(const Journal& original, const fs::path& path) {
  const auto kept = std::ranges::find(original.files, path, &KeptFile::path);
  return kept == original.files.end() ? std::nullopt : kept->before;
}

/// Those of `files` that hold what was delivered become what they were.
std::vector<FileChange> plan_return(std::span<const DaemonFile> files, const Delivery& delivery,
                                    const Journal& original, DeployOutcome& outcome) {
  std::vector<FileChange> changes;
  for (const DaemonFile& file : files) {
    // With its directory, which a run that was killed has taken away.
    if (!path_exists(file.path.parent_path()) && !original_state(original, file.path)) continue;
    FileChange change{.path = follow_links(file.path)};
    change.before = load_state(change.path);
    change.after = original_state(original, change.path);
    if (change.before && change.before->content != text_of(delivery, file)) {
      outcome.warnings.push_back(
          fmt::format("{} does not hold this certificate and is left alone", change.path.string()));
    } else if (change.is_needed()) {
      changes.push_back(std::move(change));
    }
  }
  return changes;
}

std::vector<Check> all_checks(const Target& target, const Description& description, const Delivery& delivery,
                              const DeployOptions& options) {
  const std::vector<Endpoint> endpoints =
      target.verify.empty() ? expand_wildcards(description.listeners, options.addresses()) : target.verify;
  return plan_checks(endpoints, expect_chains(delivery, description.files));
}

std::set<std::string> leaves_of(const Delivery& delivery) {
  std::set<std::string> leaves;
  for (const pki::CertificateBundle* bundle : delivery.bundles())
    leaves.insert(pki::parse_certificates(bundle->leaf).front().sha256_fingerprint);
  return leaves;
}

/// Until no listener shows the certificate any more; throws Error when one goes on to.
void prove_gone(Clock& clock, std::span<const Check> checks, const Delivery& delivery, const DeployOptions& options,
                DeployOutcome& outcome) {
  const std::set<std::string> leaves = leaves_of(delivery);
  const auto is_gone = [&](const Observation& seen) {
    return !seen.result.shown() || !leaves.contains(seen.result.chain.front().sha256_fingerprint);
  };
  outcome.after = observe_until(clock, checks, options.probe_timeout, options.restore_timeout, is_gone,
                                [&](std::span<const Observation> seen) { return std::ranges::all_of(seen, is_gone); });
  for (const Observation& observation : outcome.after)
    if (!is_gone(observation))
      throw Error(
          fmt::format("the files of before are back, but {} still shows the certificate", to_string(observation.check)),
          "see the daemon's log");
}

void take_away(Clock& clock, const fs::path& program, const Target& target, const Delivery& delivery,
               const DeployOptions& options, DeployOutcome& outcome) {
  const Description description = describe(clock, program, target, delivery);
  outcome.daemon = description.daemon;
  if (description.plain_script)
    throw Error(fmt::format("{} is a script of your own", description.daemon), "undo by hand what it did");
  const auto original = load_journal(options.original_directory);
  if (!original) {
    outcome.status = Outcome::unchanged;
    outcome.reason = "mxcert has installed nothing there";
    return;
  }
  const std::vector<FileChange> changes = plan_return(description.files, delivery, *original, outcome);
  const std::string failure = put_back(clock, program, target, delivery, changes,
                                       original->configures && !options.keep_configuration, [&](const fs::path& path) {
                                         outcome.changed_files.push_back(path);
                                         if (options.progress) options.progress(Step::restoring, path.string());
                                       });
  if (!failure.empty()) throw Error(failure, "put that right and run the same command again");
  prove_gone(clock, all_checks(target, description, delivery, options), delivery, options, outcome);
  remove_journal(options.original_directory);
  outcome.status = Outcome::withdrawn;
}

void keep_only_changes_of_sni(std::vector<DaemonFile>& files, const Description& as_default) {
  std::erase_if(files, [&](const DaemonFile& file) {
    return std::ranges::find(as_default.files, file.path, &DaemonFile::path) != as_default.files.end();
  });
}

}  // namespace

void withdraw_from_sni(Clock& clock, const Target& target, const Delivery& delivery, const DeployOptions& options) {
  const auto original = load_journal(options.original_directory);
  if (!original || target.listed) return;
  const fs::path program = find_program(target, options.hooks_directory);
  Delivery further = delivery;
  further.role = Role::sni;
  Description description = describe(clock, program, target, further);
  if (description.plain_script) return;
  further.role = Role::default_certificate;
  keep_only_changes_of_sni(description.files, describe(clock, program, target, further));
  further.role = Role::sni;
  DeployOutcome ignored;
  const std::vector<FileChange> changes = plan_return(description.files, further, *original, ignored);
  if (changes.empty()) return;
  const std::string failure = put_back(clock, program, target, further, changes, false, {});
  if (!failure.empty()) throw Error(failure, "put that right and run the same command again");
}

DeployOutcome withdraw(Clock& clock, const Target& target, const Delivery& delivery, const DeployOptions& options) {
  DeployOutcome outcome;
  const fs::path program = find_program(target, options.hooks_directory);
  if (const auto recovered = recover_unfinished(clock, target, delivery, options))
    outcome.warnings.push_back(*recovered);
  try {
    take_away(clock, program, target, delivery, options, outcome);
  } catch (const Error& e) {
    outcome.status = Outcome::failed;
    outcome.reason = e.message();
    outcome.hint = e.hint();
  }
  return outcome;
}

}  // namespace mxcert::deploy
