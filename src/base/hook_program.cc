#include "base/hook_program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <vector>

#include "base/files.h"
#include "base/text.h"

namespace mxcert {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const fs::path& entry : list_directory_if_exists(directory))
    if (::access(entry.c_str(), X_OK) == 0 && !directory_exists(entry)) names.push_back(entry.filename());
  return names;
}

[[noreturn]] void throw_unknown_name(const std::string& hook, const fs::path& hooks_directory) {
  const std::vector<std::string> names = names_in(hooks_directory);
  const std::string message = fmt::format("no hook \"{}\" in {}", printable(hook, 100), hooks_directory.string());
  if (const auto near = closest_match(hook, names)) throw ConfigError(message, fmt::format("did you mean {}?", *near));
  throw ConfigError(message, names.empty() ? "give the path of a program of your own"
                                           : fmt::format("there is {}; or give the path of a program of your own",
                                                         join(names, ", ")));
}

}  // namespace

fs::path shipped_hooks_directory() {
  const fs::path folder = find_link_target("/proc/self/exe").value_or("/usr/sbin/mxcert").parent_path();
  fs::path in_build_folder = folder / "mxcert-hooks";
  if (directory_exists(in_build_folder)) return in_build_folder;
  return (folder / MXCERT_HOOKS_PATH).lexically_normal();
}

fs::path find_hook(const std::string& hook, const fs::path& hooks_directory) {
  const bool is_name = hook.find('/') == std::string::npos;
  fs::path program = is_name ? hooks_directory / hook : make_absolute(hook);
  if (hook.empty() || hook == "." || hook == ".." || !path_exists(program)) {
    if (is_name) throw_unknown_name(hook, hooks_directory);
    throw ConfigError(fmt::format("no hook {}", program.string()), "hook is the name of one that ships, or a path");
  }
  require_trusted_program(program, "hook " + program.string(), is_name);
  return program;
}

std::map<std::string, std::string> hook_environment(std::map<std::string, std::string> variables) {
  variables.insert({{"PATH", system_path()}, {"LC_ALL", "C"}});
  return variables;
}

Error hook_failure(const std::string& what, const Command& command, const ProcessResult& result) {
  const std::string end =
      result.timed_out ? fmt::format("did not end within {} s", static_cast<double>(command.timeout.count()) / 1000)
                       : result.describe();
  const std::string said = result.complaint();
  return Error(fmt::format("{} {}{}{}", what, end, said.empty() ? "" : ": ", said),
               fmt::format("run it by hand to see more: {}", join(command.arguments, " ")), "hook_failed");
}

}  // namespace mxcert
