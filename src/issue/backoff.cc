#include "issue/backoff.h"

#include <fmt/format.h>

#include <algorithm>

#include "pki/key.h"

namespace mxcert::issue {
namespace {

/// At least 0, less than 1.
double spread(std::string_view subject, int count) {
  const std::string digest = pki::sha256(fmt::format("{} {}", count, subject));
  return static_cast<unsigned char>(digest[0]) / 256.0;
}

}  // namespace

SystemTime next_attempt(const store::Failure& failure, std::string_view subject) {
  constexpr std::chrono::seconds first = std::chrono::minutes{5};
  constexpr std::chrono::seconds longest = std::chrono::days{1};
  constexpr int doublings_to_longest = 9;  // 5 min × 2⁹ is more than a day
  constexpr double most_spread = 0.2;
  const auto pause = std::min(longest, first * (1 << std::clamp(failure.count - 1, 0, doublings_to_longest)));
  const double part = 1 - most_spread * spread(subject, failure.count);
  const std::chrono::seconds wait{static_cast<std::int64_t>(static_cast<double>(pause.count()) * part)};
  return failure.at + wait;
}

SystemTime end_of_rate_limit(std::chrono::seconds retry_after, SystemTime now) {
  return now + std::clamp<std::chrono::seconds>(retry_after, std::chrono::seconds{0}, std::chrono::days{7});
}

}  // namespace mxcert::issue
