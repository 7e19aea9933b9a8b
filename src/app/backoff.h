#pragma once
#include "base/clock.h"
#include "store/certificates.h"

namespace mxcert::app {

/// When `renew` may try again after failures in a row: five minutes after the first, then twice as long each time, at
/// most a day (law 6).
SystemTime next_attempt(const store::Failure& failure);

}  // namespace mxcert::app
