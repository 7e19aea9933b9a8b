#pragma once
#include <string_view>

#include "base/clock.h"
#include "store/certificates.h"

namespace mxcert::issue {

/// When `renew` may try again after failures in a row: about five minutes after the first, then twice as long each
/// time, at most a day (law 6). Up to a fifth less, which differs from one `subject` (a certificate, a name) to the
/// next but not from one question to the next, so that not all come at once.
SystemTime next_attempt(const store::Failure& failure, std::string_view subject);

/// What the CA asks for with Retry-After, from `now`: a week at most, since one that errs must not make us miss the
/// end.
SystemTime end_of_rate_limit(std::chrono::seconds retry_after, SystemTime now);

}  // namespace mxcert::issue
