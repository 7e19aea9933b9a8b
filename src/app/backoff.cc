#include "app/backoff.h"

#include <algorithm>

namespace mxcert::app {

SystemTime next_attempt(const store::Failure& failure) {
  constexpr std::chrono::minutes first{5};
  constexpr std::chrono::minutes longest{24 * 60};
  constexpr int doublings_to_longest = 9;  // 5 min × 2⁹ is more than a day
  return failure.at + std::min(longest, first * (1 << std::clamp(failure.count - 1, 0, doublings_to_longest)));
}

}  // namespace mxcert::app
