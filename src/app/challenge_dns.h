#pragma once
#include "app/challenge_part.h"

// For the .cc files of this folder only.
namespace mxcert::app {

/// dns-01 (RFC 8555 §8.4) as `method.dns` says. Throws Error when its key or hook cannot be used.
ChallengePart make_dns01_part(Context& context, const ChallengeMethod& method);

/// What `traces` of such a part said. Throws Error.
void remove_dns01_trace(Context& context, const ChallengeMethod& method, const store::ChallengeTrace& trace);

constexpr const char* dns01_trace = "dns-01";

}  // namespace mxcert::app
