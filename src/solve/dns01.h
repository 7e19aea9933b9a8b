#pragma once
#include "solve/challenge_part.h"

// For the .cc files of this folder only.
namespace mxcert::solve {

/// dns-01 (RFC 8555 §8.4) as `method.dns` says. Throws Error when its key or hook cannot be used.
/// By update, all of a zone's servers are waited for to have the records; one that has not in the end is a warning,
/// since the CA may reach what cannot be reached from here.
ChallengePart make_dns01_part(const Surroundings& surroundings, const ChallengeMethod& method);

/// As remove_traces does, of such a part: records that go by update together, hooks' one by one.
std::vector<LeftTrace> remove_dns01_traces(Clock& clock, const ChallengeMethod& method, Traces traces);

constexpr const char* dns01_trace = "dns-01";

}  // namespace mxcert::solve
