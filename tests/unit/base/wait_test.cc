#include "base/wait.h"

#include "catch.h"
#include "signalled.h"

using namespace mxcert;
using namespace std::chrono_literals;

namespace {

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { [[maybe_unused]] const int made = ::pipe(ends); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
};

RealClock real_clock;

Deadline after(std::chrono::milliseconds time) {
  return Deadline::after(real_clock, time);
}

}  // namespace

TEST_CASE("a wait ends when one of several descriptors is ready, and says which") {
  const Pipe silent, full;
  REQUIRE(::write(full.ends[1], "x", 1) == 1);
  pollfd waits[] = {{silent.ends[0], POLLIN, POLLERR}, {full.ends[0], POLLIN, 0}};
  CHECK(wait_for_any(real_clock, waits, after(10s)));
  CHECK(waits[0].revents == 0);
  CHECK(waits[1].revents == POLLIN);
  CHECK(wait_for(real_clock, silent.ends[1], POLLOUT, after(0s)));
}

TEST_CASE("a wait ends at its deadline") {
  const Pipe silent;
  const auto begin = real_clock.steady_now();
  CHECK_FALSE(wait_for(real_clock, silent.ends[0], POLLIN, after(50ms)));
  CHECK(real_clock.steady_now() - begin >= 50ms);
  CHECK_FALSE(wait_for(real_clock, silent.ends[0], POLLIN, after(-1s)));
}

TEST_CASE("a signal ends a wait, and each that follows") {
  const Pipe silent;
  CHECK(test::ends_at_signal([&] { wait_for(real_clock, silent.ends[0], POLLIN, after(10s)); }));
  CHECK(test::ends_at_signal([&] { real_clock.sleep_for(10s); }, SIGTERM));
  CHECK(test::ends_at_signal([&] {
    try {
      real_clock.sleep_for(10s);
    } catch (const Interrupted&) {
      real_clock.sleep_for(0s);
    }
  }));
}

TEST_CASE("a wait for what must not stay goes on after a signal, for a moment, and so does each that follows") {
  const Pipe silent;
  const auto signalled = test::signal_during([&] {
    wait_for(real_clock, silent.ends[0], POLLIN, after(10s), AtStop::hurry);
    wait_for(real_clock, silent.ends[0], POLLIN, after(10ms), AtStop::hurry);
  });
  CHECK(signalled.end == test::Signalled::End::returned);
  CHECK(signalled.after_signal >= time_after_stop - 100ms);
  CHECK(signalled.after_signal < time_after_stop + 2s);
}
