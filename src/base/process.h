#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"

namespace mxcert {

/// A program to run: no shell, nothing inherited but the standard descriptors.
struct Command {
  std::vector<std::string> arguments;                   // [0] is the program: a path, or a name looked up in `PATH`
  std::map<std::string, std::string> environment = {};  // all of it: nothing of ours is passed on
  std::string standard_input = {};
  std::chrono::milliseconds timeout{60'000};
  bool despite_stop = false;               // goes on when a stop is asked for: it takes away what must not stay
  std::size_t max_output_bytes = 1 << 20;  // of each stream; more is read and thrown away
};

struct ProcessResult {
  int exit_status = -1;    // -1 when it was ended by a signal
  int signal = 0;          // the signal that ended it, 0 when it exited
  bool timed_out = false;  // its process group was killed at the deadline
  std::string standard_output = {};
  std::string standard_error = {};

  bool succeeded() const { return exit_status == 0 && !timed_out; }
  /// `exited with status 3`, `did not end within 60 s`, `ended by signal 9`.
  std::string describe() const;
  /// The end of what it wrote to stderr, in one line and printable; empty when it wrote nothing.
  std::string complaint() const;
};

/// Runs it in its own process group and waits. Throws Error when it cannot be started, Interrupted (after ending the
/// group) when a stop is asked for. What it leaves running in the background does not hold us up.
ProcessResult run_process(Clock& clock, const Command& command);

/// What is run is as powerful as we are. Throws ConfigError, its message beginning with `what` (`hook /etc/x`), unless
/// `program` is an executable file that nobody could change but root and who runs us. One that `ships_with_us` is as
/// trustworthy as the program that it lies beside, whoever owns both.
void require_trusted_program(const std::filesystem::path& program, const std::string& what, bool ships_with_us = false);

/// `PATH` for programs we run: the system's folders, whatever ours was.
std::string system_path();

}  // namespace mxcert
