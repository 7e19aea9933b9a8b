#pragma once
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "acme/solver.h"
#include "app/challenge_config.h"
#include "store/orders.h"

// For the .cc files of this folder only.
namespace mxcert::app {

struct Context;

using Challenges = std::span<const acme::ChallengeToSolve>;

/// Those challenges of an order that are met in one way. As acme::Solver has it, but for what is taken away afterwards:
/// `traces` says what `present` will leave behind, which remove_trace takes away.
struct ChallengePart {
  std::function<std::vector<store::ChallengeTrace>(Challenges)> traces = {};  // empty: nothing
  std::function<void(Challenges)> present = {};
  std::function<bool(std::chrono::milliseconds)> wait_until_validated = {};  // empty: cannot tell
  std::function<void()> stop_answering = {};                                 // empty: nothing to stop
};

/// Throws Error when it cannot work here: the port is taken, there is no such directory.
ChallengePart make_challenge_part(Context& context, const ChallengeMethod& method);

/// Takes away what is left of a challenge; fine when it is gone already. Also while a stop is asked for. Throws Error,
/// and ConfigError when nothing that is configured knows how.
void remove_trace(Context& context, const store::ChallengeTrace& trace);

/// The name as it was ordered.
std::string ordered_name(const acme::ChallengeToSolve& challenge);

}  // namespace mxcert::app
