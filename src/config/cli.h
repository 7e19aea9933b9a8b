#pragma once
#include <optional>

#include "config/config.h"
#include "config/invocation.h"

namespace mxcert::config {

struct CommandLine {
  Invocation invocation;
  ConfigOptions options;
  bool no_color = false;
};

/// Reads the command line. Empty when it was answered already (`--help`, `--version`, or an error told on stderr):
/// then `exit_status` is what to end with.
std::optional<CommandLine> parse_command_line(int argc, char** argv, int& exit_status);

}  // namespace mxcert::config
