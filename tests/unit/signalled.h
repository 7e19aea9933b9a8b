#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "base/handle.h"
#include "base/stop.h"

namespace mxcert::test {

/// How something ended that got a signal while it waited.
struct Signalled {
  enum class End { returned, interrupted, otherwise } end;
  std::chrono::milliseconds after_signal;
};

/// Does `wait` in a process of its own, which gets `signal` when it has been at it for a while.
template <typename Wait>
Signalled signal_during(Wait wait, int signal = SIGINT) {
  using End = Signalled::End;
  int ready[2];
  if (::pipe(ready) != 0) throw std::runtime_error("no pipe");
  const Fd reader(ready[0]);
  const Fd writer(ready[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    install_stop_handler();
    [[maybe_unused]] const auto written = ::write(writer.get(), "x", 1);
    End end = End::returned;
    try {
      wait();
    } catch (const Interrupted&) {
      end = End::interrupted;
    } catch (...) {
      end = End::otherwise;
    }
    ::_exit(static_cast<int>(end));
  }
  char byte = 0;
  if (::read(reader.get(), &byte, 1) != 1) throw std::runtime_error("the child did not begin");
  std::this_thread::sleep_for(std::chrono::milliseconds{200});
  const auto begin = std::chrono::steady_clock::now();
  ::kill(child, signal);
  int status = 0;
  if (::waitpid(child, &status, 0) != child) throw std::runtime_error("the child is gone");
  return {WIFEXITED(status) ? static_cast<End>(WEXITSTATUS(status)) : End::otherwise,
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin)};
}

/// Whether that ends at once, with Interrupted.
template <typename Wait>
bool ends_at_signal(Wait wait, int signal = SIGINT) {
  const Signalled signalled = signal_during(wait, signal);
  return signalled.end == Signalled::End::interrupted && signalled.after_signal < std::chrono::seconds{2};
}

}  // namespace mxcert::test
