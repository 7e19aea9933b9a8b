#include "deploy/deploy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/name_table.h"
#include "base/text.h"
#include "deploy/install.h"
#include "deploy/journal.h"
#include "deploy/judge.h"
#include "deploy/undo.h"

namespace mxcert::deploy {
namespace fs = std::filesystem;
namespace {

using Status = DeployOutcome::Status;
constexpr auto restored_hint = "what was served before still is; see the daemon's log, then run mxcert deploy again";

/// What a deployment knows on its way; the steps are its functions, in the order of deploy().
class Deployment {
 public:
  Deployment(Clock& clock, const fs::path& program, const Target& target, const Delivery& delivery,
             const DeployOptions& options)
      : clock_(clock), program_(program), target_(target), delivery_(delivery), options_(options) {}

  DeployOutcome run() {
    try {
      check_delivery(delivery_, clock_.now());
      progress(Step::describing);
      description_ = describe(clock_, program_, target_, delivery_);
      outcome_.daemon = description_.daemon;
      outcome_.warnings = description_.warnings;
      if (description_.configured) outcome_.configuration = description_.missing_configuration;
    } catch (const Error& e) {
      return end(Status::failed, e.message(), e.hint());
    }
    if (!description_.configured && !(target_.configure && description_.configurable)) return needs_configuration();
    return description_.plain_script ? run_plain_script() : install_and_prove();
  }

 private:
  DeployOutcome needs_configuration() {
    outcome_.configuration = description_.missing_configuration;
    return end(Status::needs_configuration, fmt::format("{} is not set up for TLS with a certificate", outcome_.daemon),
               description_.configurable ? "write these lines, or let mxcert do it: configure = true"
                                         : "write these lines, then run the same command again");
  }

  /// Like a deploy hook of certbot: nothing of it is known but that it can be run.
  DeployOutcome run_plain_script() {
    if (options_.only_where_nothing_is_served && target_.verify.empty())
      return end(Status::left_alone,
                 fmt::format("{} does not say where its daemon listens, which may have a certificate already",
                             outcome_.daemon));
    if (!target_.verify.empty()) {
      look_before(target_.verify);
      // What a daemon has that does not answer, nobody knows.
      if (options_.only_where_nothing_is_served && (all_unreachable(outcome_.before) || is_something_served()))
        return left_alone();
      if (judge(outcome_.before).good()) return unchanged();
      const auto lost = find_lost_names(outcome_.before, expectation_, clock_.now(), options_.may_lose);
      if (!lost.empty()) return refuse_loss(lost);
    }
    if (is_refused_for_trust() || is_refused_by_dane()) return std::move(outcome_);
    try {
      progress(Step::reloading);
      if (!run_hook(clock_, program_, HookEvent::deploy, target_, delivery_, false).handled)
        return end(Status::failed, fmt::format("{} does nothing for the event deploy", outcome_.daemon),
                   "see hooks/README.md for what a hook does");
    } catch (const Error& e) {
      return end(Status::failed, e.message(), e.hint());
    }
    if (target_.verify.empty())
      return end(Status::unverifiable, fmt::format("{} does not say where its daemon listens", outcome_.daemon),
                 "say it: verify = [\"ADDRESS:PORT\"]");
    const Judgement judgement = wait_until_served();
    if (judgement.good()) return proven(judgement);
    return end(Status::failed, fmt::format("{} ran, but {}", outcome_.daemon, summarize(judgement.faults)),
               "see what it does and what the daemon logs; mxcert cannot undo what a script of your own did");
  }

  DeployOutcome install_and_prove() {
    try {
      run_hook(clock_, program_, HookEvent::check, target_, delivery_, needs_configuring());
      changes_ = plan_changes(description_.files, delivery_);
    } catch (const Error& e) {
      return end(Status::failed, e.message(), e.hint());
    }
    look_before(target_.verify.empty() ? expand_wildcards(description_.listeners, options_.addresses())
                                       : target_.verify);
    if (options_.only_where_nothing_is_served && is_something_served()) return left_alone();
    const bool nothing_to_change = changes_.empty() && description_.configured;
    if (nothing_to_change && !outcome_.before.empty() && judge(outcome_.before).good()) return unchanged();
    if (nothing_to_change && is_down()) return unverified();
    const auto lost = find_lost_names(outcome_.before, expectation_, clock_.now(), options_.may_lose);
    if (!lost.empty()) return refuse_loss(lost);
    if (is_refused_for_trust() || is_refused_by_dane()) return std::move(outcome_);
    return change_and_prove();
  }

  /// Law 2: what is served now is not ours to take away unasked.
  DeployOutcome refuse_loss(std::span<const LostName> lost) {
    std::vector<std::string> lost_names;
    for (const LostName& each : lost)
      lost_names.push_back(printable(each.name, 260));
    const Observation& seen = *lost.front().seen;
    return end(Status::failed,
               fmt::format("{} {}, and holds {}, which this certificate lacks", to_string(seen.check),
                           describe_result(seen.result), join(lost_names, ", ")),
               fmt::format("add them: [certificate] extra_names; if nobody needs them: mxcert deploy --drop-names {}",
                           delivery_.certificate_name));
  }

  /// Law 2, for who verifies: whether they trust what is served now, and would not any more.
  bool is_refused_for_trust() {
    if (!options_.find_trust_problem) return false;
    for (const Chain& chain : delivered_chains())
      if (outcome_.trust_problem.empty()) outcome_.trust_problem = options_.find_trust_problem(chain);
    if (outcome_.trust_problem.empty()) return false;
    const Observation* trusted = find_trusted(outcome_.before, expectation_, options_.find_trust_problem);
    outcome_.loses_trust = trusted != nullptr;
    if (trusted == nullptr || options_.may_lose_trust) return false;
    outcome_.status = Status::failed;
    outcome_.reason = fmt::format("{} {}, which is trusted by this host, and this certificate is not: {}",
                                  to_string(trusted->check), describe_result(trusted->result), outcome_.trust_problem);
    outcome_.hint = fmt::format(
        "a staging CA is for trying things out; see whether the package ca-certificates is up to date; if senders that "
        "verify do not matter: mxcert deploy --allow-untrusted {}",
        delivery_.certificate_name);
    return true;
  }

  /// Law 4: whether what is published keeps us from going on; the outcome says why.
  bool is_refused_by_dane() {
    if (!options_.find_tlsa) return false;
    progress(Step::consulting);
    const std::vector<Chain> chains = delivered_chains();
    for (const TlsaLookup& lookup : options_.find_tlsa(delivery_.names, ports_of(checks_)))
      outcome_.dane.push_back(judge_tlsa(lookup, chains));
    const std::vector<Chain> in_service = chains_in_service(outcome_.before, changes_);
    DaneVerdict verdict = decide_by_dane(delivery_.certificate_name, outcome_.dane, chains, in_service);
    if (verdict.kind == DaneVerdict::Kind::unknown && in_service.empty() && options_.first_goes_unchecked) return false;
    outcome_.status = verdict.kind == DaneVerdict::Kind::mismatch ? Status::tlsa_mismatch : Status::tlsa_unknown;
    outcome_.reason = std::move(verdict.reason);
    outcome_.hint = std::move(verdict.hint);
    return verdict.kind != DaneVerdict::Kind::go;
  }

  std::vector<Chain> delivered_chains() const {
    std::vector<Chain> chains;
    for (const ExpectedChain& expected : expect_chains(delivery_, description_.files).chains)
      chains.push_back(expected.chain);
    return chains;
  }

  DeployOutcome change_and_prove() {
    progress(Step::recording);
    journal_ = {.certificate_name = delivery_.certificate_name,
                .names = delivery_.names,
                .role = delivery_.role,
                .configures = needs_configuring(),
                .files = keep(changes_)};
    save_journal(options_.journal_directory, journal_);
    try {
      install_and_reload();
    } catch (const Error& e) {
      return undo(e.message(), e.hint());
    }
    if (is_down() || outcome_.before.empty()) {
      finish();
      return unverified();
    }
    const Judgement judgement = wait_until_served();
    if (!judgement.good()) return undo(fmt::format("after the reload {}", summarize(judgement.faults)), restored_hint);
    finish();
    return proven(judgement);
  }

  void install_and_reload() {
    make_changes(changes_, [this](const fs::path& path) {
      progress(Step::installing, path.string());
      outcome_.changed_files.push_back(path);
    });
    if (target_.listed && is_down()) return;  // it reads them when it starts
    progress(Step::reloading);
    hook_ran_ = true;
    run_hook(clock_, program_, HookEvent::deploy, target_, delivery_, needs_configuring());
  }

  DeployOutcome undo(const std::string& reason, const std::string& hint) {
    const UndoResult result = undo_deployment(clock_, program_, target_, delivery_, options_,
                                              {.changes = changes_,
                                               .before = outcome_.before,
                                               .expectation = expectation_,
                                               .configured = needs_configuring(),
                                               .hook_ran = hook_ran_});
    outcome_.after = result.after;
    if (!result.failure.empty())
      return end(Status::rollback_failed, fmt::format("{}; putting things back: {}", reason, result.failure),
                 "look at the daemon's log and configuration now: its mail may not be encrypted");
    const bool touched = !outcome_.changed_files.empty() || (hook_ran_ && needs_configuring());
    return end(touched ? Status::rolled_back : Status::failed, reason, hint);
  }

  void finish() {
    progress(Step::finished);
    // What withdraw puts back: each file as it was when it was first replaced, were it after a change of configuration.
    hand_over_journal(options_.journal_directory, options_.original_directory, journal_, options_.other_originals);
  }

  void look_before(std::span<const Endpoint> endpoints) {
    progress(Step::observing);
    expectation_ = expect_chains(delivery_, description_.files);
    checks_ = plan_checks(endpoints, expectation_);
    outcome_.before = observe(clock_, checks_, options_.probe_timeout);
  }

  Judgement judge(std::span<const Observation> observations) const {
    return judge_new(outcome_.before, observations, expectation_, !target_.verify.empty());
  }

  const Observation& before_of(const Observation& seen) const {
    return *std::ranges::find(outcome_.before, seen.check, &Observation::check);
  }

  /// A daemon that still shows the old certificate may take its time; one that breaks off handshakes is an outage.
  Judgement wait_until_served() {
    progress(Step::verifying);
    const Deadline outage = Deadline::after(clock_, options_.outage_timeout);
    const Deadline patience = Deadline::after(clock_, target_.verify_timeout);
    Judgement judgement;
    outcome_.after = observe_until(
        clock_, checks_, options_.probe_timeout, std::max(target_.verify_timeout, options_.restart_timeout),
        [&](const Observation& seen) { return find_fault(before_of(seen), seen, expectation_).empty(); },
        [&](std::span<const Observation> observations) {
          judgement = judge(observations);
          return judgement.good() || (outage.passed(clock_) && is_broken(outcome_.before, observations)) ||
                 (patience.passed(clock_) && !any_gone(outcome_.before, observations));
        });
    return judgement;
  }

  void warn(const Judgement& judgement) {
    for (const Fault& warning : judgement.warnings)
      outcome_.warnings.push_back(fmt::format("{} {}, as before", to_string(warning.check), warning.text));
  }

  /// By handshakes; where there is no answer, the files tell.
  bool is_something_served() const {
    const std::string own_key = pki::parse_certificates(delivery_.bundle.leaf).front().public_key_der;
    const auto has_other_key = [&](const Observation& seen) {
      return seen.result.shown() && seen.result.chain.front().public_key_der != own_key;
    };
    if (outcome_.before.empty() || all_unreachable(outcome_.before))
      return std::ranges::any_of(changes_, [](const FileChange& change) { return change.before.has_value(); });
    return std::ranges::any_of(outcome_.before, has_other_key);
  }

  bool needs_configuring() const { return !description_.configured; }
  /// Its hook says so, and nothing answers.
  bool is_down() const { return !description_.running && all_unreachable(outcome_.before); }

  DeployOutcome left_alone() {
    return end(Status::left_alone, fmt::format("{} has a certificate already", outcome_.daemon));
  }
  DeployOutcome unchanged() {
    warn(judge(outcome_.before));
    return end(Status::unchanged);
  }
  DeployOutcome proven(const Judgement& judgement) {
    warn(judgement);
    return end(Status::deployed_and_verified);
  }
  DeployOutcome unverified() {
    if (is_down())
      return end(Status::installed_unverified, fmt::format("{} is not running", outcome_.daemon),
                 "start it, then run mxcert deploy to see that it serves the certificate");
    return end(Status::unverifiable, fmt::format("{} does not say where it listens", outcome_.daemon),
               "say it: verify = [\"ADDRESS:PORT\"]");
  }

  DeployOutcome end(Status status, std::string reason = {}, std::string hint = {}) {
    outcome_.status = status;
    outcome_.reason = std::move(reason);
    outcome_.hint = std::move(hint);
    return std::move(outcome_);
  }

  void progress(Step step, std::string_view detail = {}) const {
    if (options_.progress) options_.progress(step, detail);
  }

  Clock& clock_;
  const fs::path& program_;
  const Target& target_;
  const Delivery& delivery_;
  const DeployOptions& options_;
  Description description_;
  Expectation expectation_;
  std::vector<FileChange> changes_;
  std::vector<Check> checks_;
  Journal journal_;
  bool hook_ran_ = false;
  DeployOutcome outcome_;
};

constexpr auto outcome_names = name_table<Status>({
    {Status::unchanged, "unchanged"},
    {Status::deployed_and_verified, "deployed_and_verified"},
    {Status::installed_unverified, "installed_unverified"},
    {Status::unverifiable, "unverifiable"},
    {Status::needs_configuration, "needs_configuration"},
    {Status::tlsa_mismatch, "tlsa_mismatch"},
    {Status::tlsa_unknown, "tlsa_unknown"},
    {Status::rolled_back, "rolled_back"},
    {Status::rollback_failed, "rollback_failed"},
    {Status::failed, "failed"},
    {Status::withdrawn, "withdrawn"},
    {Status::left_alone, "left_alone"},
});

}  // namespace

std::string_view to_string(Status status) {
  return name_of(outcome_names, status);
}

DeployOutcome deploy(Clock& clock, const Target& target, const Delivery& delivery, const DeployOptions& options) {
  const fs::path program = find_program(target, options.hooks_directory);
  const auto recovered = recover_unfinished(clock, target, delivery, options);
  DeployOutcome outcome = Deployment(clock, program, target, delivery, options).run();
  if (recovered) outcome.warnings.insert(outcome.warnings.begin(), *recovered);
  return outcome;
}

}  // namespace mxcert::deploy
