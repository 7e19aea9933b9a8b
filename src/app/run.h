#pragma once
#include "config/cli.h"

namespace mxcert::app {

/// Runs the command and returns the exit status: 0 done, or nothing to do; 1 something failed, the rest was done;
/// 2 usage or configuration; 75 another run holds the lock.
int run(const config::CommandLine& line, Clock& clock);

}  // namespace mxcert::app
