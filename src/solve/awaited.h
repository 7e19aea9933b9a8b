#pragma once
#include <chrono>
#include <mutex>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/handle.h"

namespace mxcert::solve {

/// Things that somebody else, in another thread, is to ask for, each at least once.
class Awaited {
 public:
  Awaited();

  /// Forgets what was noted before.
  void expect(std::set<std::string> what);
  void note(const std::string& what);
  /// Whether everything was noted; waits at most `timeout` for that. Throws Interrupted.
  bool wait_for_all(Clock& clock, std::chrono::milliseconds timeout) const;

 private:
  void signal() const;

  Fd all_noted_;  // readable once nothing is missing
  std::mutex mutex_;
  std::set<std::string> missing_;
};

}  // namespace mxcert::solve
