#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "deploy/dane_gate.h"
#include "deploy/delivery.h"
#include "deploy/description.h"
#include "deploy/hook.h"
#include "deploy/verify.h"

namespace mxcert::deploy {

/// How a deployment ended, for reports and the store.
struct DeployOutcome {
  enum class Status {
    unchanged,              // the files were in place and every listener served the leaf: nothing was touched
    deployed_and_verified,  // files in place, daemon reloaded, every listener was seen to serve it
    installed_unverified,   // files in place, but the daemon is down
    unverifiable,           // files in place and the hook ran, but nobody says where to look
    needs_configuration,    // nothing touched: the daemon is not set up for TLS; `configuration` says what to write
    tlsa_mismatch,          // nothing touched: TLSA records are published that what was to be served does not match
    tlsa_unknown,           // nothing touched: what is published is not known, and the key would be another one
    rolled_back,            // it did not work: what was there before is there again
    rollback_failed,        // it did not work, and what was there before could not be put back or is not served
    failed,                 // it did not work, and there was nothing to put back
    withdrawn,              // by withdraw: what was there before the first deployment is there again
    left_alone,             // nothing was touched, since something else is served (only_where_nothing_is_served)
  };
  Status status = Status::failed;
  std::string daemon = {};  // `Exim 4.96`, or the hook's name
  std::string reason = {};  // of every status but the first two: what was found, where
  std::string hint = {};    // what to do
  /// Lines to write, several, for people: of needs_configuration what keeps the daemon from using the certificate at
  /// all, else what it does without.
  std::string configuration = {};
  std::vector<std::filesystem::path> changed_files = {};  // real files that were replaced (rolled back or not)
  std::vector<Observation> before = {};                   // what the listeners served before anything was touched
  std::vector<Observation> after = {};                    // what they serve now; empty when nothing was touched
  std::vector<DaneJudgement> dane = {};                   // of each port of each name; empty when nothing was to change
  std::string trust_problem =
      {};                    // why who verifies would not trust what was to be served; empty: no change, or trusted
  bool loses_trust = false;  // and what was served before is trusted
  std::vector<std::string> warnings = {};  // listeners that served no TLS before and serve none now, for one

  bool succeeded() const {
    return status == Status::unchanged || status == Status::deployed_and_verified ||
           status == Status::installed_unverified || status == Status::unverifiable || status == Status::withdrawn ||
           status == Status::left_alone;
  }
};
std::string_view to_string(DeployOutcome::Status status);

/// The steps of a deployment, in order, for progress on a terminal.
enum class Step {
  describing,  // asking the hook
  observing,   // looking at what is served now
  consulting,  // looking up published TLSA records
  recording,   // before the previous files are kept
  installing,  // before each new file is moved in place; the detail is its path
  reloading,   // before the hook is told
  verifying,   // before the handshakes
  restoring,   // something failed: before each previous file is put back
  finished,    // before the record of the previous files is removed
};

struct DeployOptions {
  std::filesystem::path hooks_directory = shipped_hooks_directory();
  /// Where previous files are kept until the new ones are proven, one directory per target: made with mode 0700, on any
  /// file system. If it holds an unfinished deployment, that is undone first.
  std::filesystem::path journal_directory;
  /// Where the files are kept, in the same way, that were there before the first deployment; until withdraw, which so
  /// is a way back and not a removal.
  std::filesystem::path original_directory;
  /// The same of other certificates at the target, which may have been its default one: what such a one replaced first
  /// is what was there before, and not that certificate.
  std::vector<std::filesystem::path> other_originals = {};
  /// Whether a name may be lost that the delivery lacks and `served`, a certificate that somebody issued and that is
  /// still valid, holds; empty: any may.
  std::function<bool(const pki::Certificate& served, const std::string& name)> may_lose = {};
  /// Why who verifies would not trust a chain, leaf first; empty when there is no reason. Without it nobody asks.
  /// Where nothing trusted is served it is only a warning: this host's roots are not the senders', and may be outdated.
  std::function<std::string(std::span<const pki::Certificate> chain)> find_trust_problem = {};
  bool may_lose_trust = false;      // else nothing is touched when what is served is trusted, and the delivery is not
  bool keep_configuration = false;  // withdraw: other certificates need what the hook configured
  /// A certificate that is better than none, and not worth to replace another: nothing is touched where a listener
  /// shows one with another key, or where nothing answers and there are files already, or where nobody says.
  bool only_where_nothing_is_served = false;
  /// Where nothing is in service yet, TLSA records that cannot be looked up keep nothing back: for a certificate from
  /// before there is a DNS.
  bool first_goes_unchecked = false;
  std::chrono::milliseconds restore_timeout{20'000};  // how long it may take to show the previous one again
  /// How long a listener may be gone: Exim waits 30 s before it tries again to bind a port that one of its own
  /// processes still had when it was told to reload.
  std::chrono::milliseconds restart_timeout{45'000};
  std::chrono::milliseconds outage_timeout{5'000};  // how long handshakes may fail that did not before
  std::chrono::milliseconds probe_timeout{10'000};  // for one handshake
  std::function<void(Step, std::string_view detail)> progress = {};
  FindTlsa find_tlsa = {};  // asked before anything is touched, and only then; empty: TLSA records are not looked at
  /// Addresses that wildcard listeners stand for.
  std::function<std::vector<std::string>()> addresses = local_addresses;
};

/// Brings `delivery` into service at `target`: describe, check, compare with published TLSA records, keep the previous
/// files, install, reload, prove it by handshakes with and without SNI; if that fails, previous files back, reload,
/// look again.
///
/// What does not work is an outcome, not an exception. Throws ConfigError for a hook that cannot be used, Error when
/// the journal cannot be written (nothing was touched), Interrupted; an interrupted or killed deployment is undone by
/// the next call, or by recover_unfinished.
DeployOutcome deploy(Clock& clock, const Target& target, const Delivery& delivery, const DeployOptions& options);

/// Undoes the deployment that was under way when a run was killed, if there was one: the previous files are put back,
/// so that key and certificate on disk agree, and the daemon reloads. Says what was done, empty when there was nothing
/// to do. Files that somebody else has replaced since are left alone. Throws Error when it cannot be done.
std::optional<std::string> recover_unfinished(Clock& clock, const Target& target, const Delivery& delivery,
                                              const DeployOptions& options);

/// Puts back what was there before the first deployment: what the hook configured is taken away, files that hold
/// `delivery` become what they were or vanish, and the daemon reloads. `unchanged` when nothing of ours is there;
/// files that hold something else by now are left alone, with a warning.
DeployOutcome withdraw(Clock& clock, const Target& target, const Delivery& delivery, const DeployOptions& options);

/// For a certificate that has become the target's default one: takes away what was installed for it as one for SNI,
/// `delivery` then. Throws Error when that cannot be done; it is no harm then, and `deploy` has to be asked again.
void withdraw_from_sni(Clock& clock, const Target& target, const Delivery& delivery, const DeployOptions& options);

}  // namespace mxcert::deploy
