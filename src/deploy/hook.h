#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/hook_program.h"
#include "deploy/delivery.h"

namespace mxcert::deploy {

/// The program of `target`: its hook, or what reloads the daemon whose files it lists; empty when there is none. Throws
/// as find_hook.
std::filesystem::path find_program(const Target& target, const std::filesystem::path& hooks_directory);

/// The path of a program given by name, among the system's, or by an absolute path. Throws ConfigError as find_hook.
std::filesystem::path find_reload_program(const std::string& program);

enum class HookEvent { describe, check, deploy, rollback };
std::string_view to_string(HookEvent event);

/// A hook that did what it was asked, or says that it has nothing to do with such an event.
struct HookAnswer {
  bool handled = true;  // false: exit status 42
  std::string standard_output = {};
};

/// Runs `program EVENT` as hooks/README.md promises: no shell, clean environment with MXCERT_* and RENEWED_*, process
/// group of its own, `target.timeout`. `configure` becomes MXCERT_CONFIGURE, `leaving` MXCERT_LEAVING. For a target
/// that lists its files, `deploy` and `rollback` run what reloads the daemon, in the same way; other events have
/// nothing to do.
///
/// Throws Error with the last lines of its stderr when it fails or takes too long; Interrupted.
HookAnswer run_hook(Clock& clock, const std::filesystem::path& program, HookEvent event, const Target& target,
                    const Delivery& delivery, bool configure, std::span<const std::filesystem::path> leaving = {});

}  // namespace mxcert::deploy
