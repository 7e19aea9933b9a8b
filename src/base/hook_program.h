#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "base/error.h"
#include "base/process.h"

namespace mxcert {

/// Where the hooks that ship are: `mxcert-hooks` beside the program (a build folder has it), else the libexec folder of
/// the prefix that the program is installed in.
std::filesystem::path shipped_hooks_directory();

/// The program behind a hook of the configuration: a name is looked up in `hooks_directory`, a path is taken as it is.
///
/// Throws ConfigError when there is none, when it cannot be executed, and when somebody else could change it: writable
/// by everybody or by another group, or (a path) owned by neither root nor us.
std::filesystem::path find_hook(const std::string& hook, const std::filesystem::path& hooks_directory);

/// What every hook finds in its environment: `PATH`, `LC_ALL`, and `variables`.
std::map<std::string, std::string> hook_environment(std::map<std::string, std::string> variables);

/// What to throw when `command` did not succeed (code `hook_failed`): how it ended, what it said last, and a hint how
/// to see more. The message begins with `what` (`hook exim deploy`).
Error hook_failure(const std::string& what, const Command& command, const ProcessResult& result);

}  // namespace mxcert
