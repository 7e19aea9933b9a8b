#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mxcert {

using SystemTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;

/// Seam: the time of day, the monotonic time, and sleeping. Everything that decides by time or waits takes one.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SystemTime now() = 0;
  virtual SteadyTime steady_now() = 0;
  /// Returns after `duration`; throws Interrupted at once when SIGINT or SIGTERM arrives (stop.h).
  virtual void sleep_for(std::chrono::milliseconds duration) = 0;
};

/// The machine's clocks.
class RealClock final : public Clock {
 public:
  SystemTime now() override;
  SteadyTime steady_now() override;
  void sleep_for(std::chrono::milliseconds duration) override;
};

/// A moment on the monotonic clock by which something must have ended.
struct Deadline {
  SteadyTime at;

  static Deadline after(Clock& clock, std::chrono::milliseconds duration) { return {clock.steady_now() + duration}; }
  /// Time left, zero when it has passed.
  std::chrono::milliseconds left(Clock& clock) const;
  bool passed(Clock& clock) const { return left(clock) == std::chrono::milliseconds::zero(); }
};

/// `2026-11-23T15:54:00Z`, in UTC, whole seconds (RFC 3339).
std::string format_time(SystemTime time);
/// The reverse; empty for anything else. Fractions of a second and offsets are understood; years before 1678 and after
/// 2261, which SystemTime cannot hold, become the beginning and the end of that time.
std::optional<SystemTime> parse_time(std::string_view text);
/// `89 days`, `5 hours`, `40 s`: the largest unit, rounded down, for people.
std::string format_duration(std::chrono::seconds duration);

}  // namespace mxcert
