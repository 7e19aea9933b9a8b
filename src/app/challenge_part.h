#pragma once
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "acme/solver.h"
#include "base/error.h"
#include "config/challenge_config.h"
#include "store/orders.h"

// For the .cc files of this folder only.
namespace mxcert::app {

struct Context;

using Challenges = std::span<const acme::ChallengeToSolve>;
using Traces = std::span<const store::ChallengeTrace>;

/// Those challenges of an order that are met in one way. As acme::Solver has it, but for what is taken away afterwards:
/// `traces` says what `present` will leave behind, which remove_traces takes away.
struct ChallengePart {
  std::function<std::vector<store::ChallengeTrace>(Challenges)> traces = {};  // empty: nothing
  std::function<void(Challenges)> present = {};
  std::function<bool(std::chrono::milliseconds)> wait_until_validated = {};  // empty: cannot tell
  std::function<void()> stop_answering = {};                                 // empty: nothing to stop
};

/// Throws Error when it cannot work here: the port is taken, there is no such directory.
ChallengePart make_challenge_part(Context& context, const config::ChallengeMethod& method);

/// Something that could not be taken away.
struct LeftTrace {
  store::ChallengeTrace trace;
  std::string why;
  bool hopeless = false;  // nothing that is configured knows how: a person has to
};
LeftTrace left_trace(const store::ChallengeTrace& trace, const Error& why);

/// Takes away what is left of challenges; what is gone already is fine. Also while a stop is asked for. What is still
/// there afterwards is returned.
std::vector<LeftTrace> remove_traces(Context& context, Traces traces);

/// The name as it was ordered.
std::string ordered_name(const acme::ChallengeToSolve& challenge);

}  // namespace mxcert::app
