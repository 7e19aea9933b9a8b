#pragma once
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "deploy/install.h"
#include "deploy/verify.h"

namespace mxcert::deploy {

/// A handshake that did not show what it should.
struct Fault {
  Check check;
  std::string text;  // `refuses connections`
};

/// What observations mean, compared with those made before anything was touched (same checks, same order).
struct Judgement {
  std::vector<Fault> faults = {};    // must not stay
  std::vector<Fault> warnings = {};  // served no TLS before, and none now: not our doing

  bool good() const { return faults.empty(); }
};

/// Empty when `after` is as it has to be: find_fault, but in role sni who says no name has to see what was shown
/// `before`.
std::string find_fault(const Observation& before, const Observation& after, const Expectation& expectation);

/// Whether `after` proves what is expected.
///
/// A listener that was not reachable or had no STARTTLS before, and is no different now, is a warning as long as
/// another one proves it; `strict` (the administrator named the listeners) makes it a fault.
Judgement judge_new(std::span<const Observation> before, std::span<const Observation> after,
                    const Expectation& expectation, bool strict);

/// Whether `after` shows that things are as they were `before` a deployment that was undone: the same certificates. One
/// that the daemon makes up when it has none (Exim does: signed by itself, and not one of `kept_leaves`, the
/// certificates in the files put back, by fingerprint) may be any but the new.
Judgement judge_restored(std::span<const Observation> before, std::span<const Observation> after,
                         const std::set<std::string>& kept_leaves, const Expectation& expectation);

/// A name that who says no name is served with now, and that the expected certificate lacks.
struct LostName {
  std::string name;
  const Observation* seen = nullptr;
};
/// The names that a deployment would take away, each once: those of certificates in `before` that somebody issued and
/// that are valid at `now`, unless `may_lose` allows it. In role sni nothing is taken away.
std::vector<LostName> find_lost_names(
    std::span<const Observation> before, const Expectation& expectation, SystemTime now,
    const std::function<bool(const pki::Certificate& served, const std::string& name)>& may_lose);

/// One that shows, to whom the expected certificate is to be shown, a chain that there is no reason not to trust; null
/// when there is none.
const Observation* find_trusted(
    std::span<const Observation> before, const Expectation& expectation,
    const std::function<std::string(std::span<const pki::Certificate> chain)>& find_problem);

/// Fingerprints of the certificates in the files that existed before: a file may hold several chains.
std::set<std::string> leaves_before(std::span<const FileChange> changes);

/// None of them answers: the daemon is down.
bool all_unreachable(std::span<const Observation> observations);

/// A listener that showed a certificate before breaks off the handshake now: a daemon that cannot use what it was
/// given.
bool is_broken(std::span<const Observation> before, std::span<const Observation> after);
/// Whether a listener that was there is gone: the daemon is starting again, or does not.
bool any_gone(std::span<const Observation> before, std::span<const Observation> after);

/// In one line, faults of the same kind together: `192.0.2.1:25 without SNI, and 3 more, refuses connections; …`. The
/// first few kinds.
std::string summarize(std::span<const Fault> faults);

}  // namespace mxcert::deploy
