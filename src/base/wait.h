#pragma once
#include <poll.h>

#include <chrono>
#include <span>

#include "base/clock.h"

namespace mxcert {

/// What a wait does when SIGINT or SIGTERM arrives (stop.h).
enum class AtStop {
  interrupt,  // it throws Interrupted
  hurry,      // it goes on for `time_after_stop` at most: something is being taken away that must not stay
};
inline constexpr std::chrono::seconds time_after_stop{2};

/// Waits until one of `descriptors` is ready, as its `revents` says then, or until the deadline; whether one is. Every
/// wait for something outside of the process is this one, or Clock::sleep_for.
bool wait_for_any(Clock& clock, std::span<pollfd> descriptors, Deadline deadline, AtStop at_stop = AtStop::interrupt);
/// The same for `events` of a single one.
bool wait_for(Clock& clock, int descriptor, short events, Deadline deadline, AtStop at_stop = AtStop::interrupt);

}  // namespace mxcert
