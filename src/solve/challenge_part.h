#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/finding.h"
#include "dns/resolver.h"
#include "dns/wildcard.h"
#include "solve/challenge_method.h"
#include "store/challenge_trace.h"

namespace mxcert::solve {

/// What a CA wants to see of one name.
struct Challenge {
  std::string name = {};               // without `*.`
  bool wildcard = false;               // it was ordered with it
  std::string token = {};              // empty where the type has none
  std::string key_authorization = {};  // RFC 8555 §8.1; empty without a token

  /// As it was ordered.
  std::string ordered_name() const { return wildcard ? dns::with_wildcard(name) : name; }
};

using Challenges = std::span<const Challenge>;
using Traces = std::span<const store::ChallengeTrace>;

/// What challenges are met with; outlives the parts.
struct Surroundings {
  Clock& clock;
  std::function<std::unique_ptr<dns::Resolver>()> make_resolver;  // a new one, which remembers no answers
  std::function<void(Finding)> warn;
};

/// Those challenges of an order that are met in one way: presented, looked at by the CA, taken away again. `traces`
/// says what `present` will leave behind, which remove_traces takes away.
struct ChallengePart {
  std::function<std::vector<store::ChallengeTrace>(Challenges)> traces = {};  // empty: nothing
  std::function<void(Challenges)> present = {};
  std::function<bool(std::chrono::milliseconds)> wait_until_validated = {};  // empty: cannot tell
  std::function<void()> stop_answering = {};                                 // empty: nothing to stop
};

/// Throws Error when it cannot work here: the port is taken, there is no such directory. To listen above port 1023 is a
/// warning: behind a web server that passes requests on it is the only way, but while mxcert does not run the port is
/// anybody's.
ChallengePart make_challenge_part(const Surroundings& surroundings, const ChallengeMethod& method);

/// Something that could not be taken away.
struct LeftTrace {
  store::ChallengeTrace trace;
  std::string why;
  bool hopeless = false;  // nothing that is configured knows how: a person has to
};
LeftTrace left_trace(const store::ChallengeTrace& trace, const Error& why);

/// Takes away what is left of challenges; what is gone already is fine. Also while a stop is asked for. What is still
/// there afterwards is returned. `method_for`: how the name is shown now, as it was ordered.
std::vector<LeftTrace> remove_traces(Clock& clock, Traces traces,
                                     const std::function<ChallengeMethod(const std::string& name)>& method_for);

}  // namespace mxcert::solve
