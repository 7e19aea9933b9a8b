#include "base/stop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

#include "base/error.h"

namespace mxcert {
namespace {

volatile std::sig_atomic_t stop_signal = 0;
int stop_event = -1;

extern "C" void on_stop_signal(int signal) {
  const int saved = errno;
  stop_signal = signal;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_event, &one, sizeof one);
  errno = saved;
}

}  // namespace

void install_stop_handler() {
  if (stop_event < 0) stop_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_event < 0) throw_system_error("cannot create an event descriptor");
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

bool stop_requested() noexcept {
  return stop_signal != 0;
}

void throw_if_stopped() {
  if (stop_requested()) throw Interrupted();
}

int stop_fd() noexcept {
  return stop_event;
}

}  // namespace mxcert
