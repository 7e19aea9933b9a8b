#include "solve/awaited.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/error.h"
#include "base/wait.h"

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

bool Awaited::wait_for_all(Clock& clock, std::chrono::milliseconds timeout) const {
  return wait_for(clock, all_noted_.get(), POLLIN, Deadline::after(clock, timeout));
}

void Awaited::signal() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(all_noted_.get(), &one, sizeof one);
}

}  // namespace mxcert::solve
