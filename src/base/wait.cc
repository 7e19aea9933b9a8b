#include "base/wait.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/error.h"
#include "base/stop.h"

namespace mxcert {

bool wait_for_any(Clock& clock, std::span<pollfd> descriptors, Deadline deadline, AtStop at_stop) {
  std::vector<pollfd> waits(descriptors.begin(), descriptors.end());
  waits.push_back({-1, POLLIN, 0});
  for (pollfd& wait : waits)
    wait.revents = 0;
  for (;;) {
    if (at_stop == AtStop::interrupt) throw_if_stopped();
    const bool stopping = stop_requested();
    if (stopping) deadline.at = std::min(deadline.at, Deadline::after(clock, time_after_stop).at);
    waits.back().fd = stopping ? -1 : stop_fd();
    const auto left = std::min(deadline.left(clock), std::chrono::milliseconds{60'000});
    const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) throw_system_error("cannot wait");
    if (!stopping && stop_requested()) continue;
    std::copy_n(waits.begin(), descriptors.size(), descriptors.begin());
    if (ready > 0) return true;
    if (deadline.passed(clock)) return false;
  }
}

bool wait_for(Clock& clock, int descriptor, short events, Deadline deadline, AtStop at_stop) {
  pollfd wait{descriptor, events, 0};
  return wait_for_any(clock, {&wait, 1}, deadline, at_stop);
}

}  // namespace mxcert
