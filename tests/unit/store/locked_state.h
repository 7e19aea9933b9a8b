#pragma once
#include "base/clock.h"
#include "store/state_directory.h"
#include "temp_dir.h"

namespace mxcert::test {

/// A state directory of one's own, locked as a command has it.
struct LockedState {
  TempDir dir;
  RealClock clock;
  store::StateDirectory state{dir / "state"};
  store::Lock lock = state.lock(clock, std::chrono::milliseconds{0});
};

}  // namespace mxcert::test
