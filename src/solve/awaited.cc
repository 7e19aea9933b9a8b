#include "solve/awaited.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/error.h"
#include "base/stop.h"

namespace mxcert::solve {

Awaited::Awaited() : all_noted_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!all_noted_) throw_system_error("cannot create an event descriptor");
  signal();
}

void Awaited::expect(std::set<std::string> what) {
  const std::lock_guard lock(mutex_);
  missing_ = std::move(what);
  std::uint64_t count = 0;
  [[maybe_unused]] const auto forgotten = ::read(all_noted_.get(), &count, sizeof count);
  if (missing_.empty()) signal();
}

void Awaited::note(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (missing_.erase(what) > 0 && missing_.empty()) signal();
}

bool Awaited::wait_for_all(std::chrono::milliseconds timeout) const {
  const auto end = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    throw_if_stopped();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    std::array<pollfd, 2> events{pollfd{all_noted_.get(), POLLIN, 0}, pollfd{stop_fd(), POLLIN, 0}};
    const auto wait = std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 60'000);
    ::poll(events.data(), events.size(), static_cast<int>(wait));
    if ((events[0].revents & POLLIN) != 0) return true;
    if (left <= left.zero()) return false;
  }
}

void Awaited::signal() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(all_noted_.get(), &one, sizeof one);
}

}  // namespace mxcert::solve
