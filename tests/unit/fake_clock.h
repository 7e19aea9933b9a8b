#pragma once
#include "base/clock.h"

namespace mxcert::test {

/// A clock that stands still until told otherwise; sleeping moves it on at once.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(SystemTime start = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}) : now_(start) {}
  SystemTime now() override { return now_; }
  SteadyTime steady_now() override { return steady_; }
  void sleep_for(std::chrono::milliseconds duration) override {
    slept_ += duration;
    advance(duration);
  }
  void advance(std::chrono::milliseconds duration) {
    now_ += duration;
    steady_ += duration;
  }
  std::chrono::milliseconds slept() const { return slept_; }

 private:
  SystemTime now_;
  SteadyTime steady_{};
  std::chrono::milliseconds slept_{0};
};

}  // namespace mxcert::test
