#include "base/hook_program.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"

namespace mxcert {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end; entry.increment(failure))
    if (entry->is_regular_file(failure) && ::access(entry->path().c_str(), X_OK) == 0)
      names.push_back(entry->path().filename());
  std::ranges::sort(names);
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
  std::error_code failure;
  const fs::path program = fs::read_symlink("/proc/self/exe", failure);
  const fs::path folder = failure ? fs::path("/usr/sbin") : program.parent_path();
  fs::path in_build_folder = folder / "mxcert-hooks";
  if (fs::is_directory(in_build_folder, failure)) return in_build_folder;
  return (folder / MXCERT_HOOKS_PATH).lexically_normal();
}

fs::path find_hook(const std::string& hook, const fs::path& hooks_directory) {
  const bool is_name = hook.find('/') == std::string::npos;
  fs::path program = is_name ? hooks_directory / hook : fs::absolute(hook);
  std::error_code failure;
  if (hook.empty() || hook == "." || hook == ".." || !fs::exists(program, failure)) {
    if (is_name) throw_unknown_name(hook, hooks_directory);
    throw ConfigError(fmt::format("no hook {}", program.string()), "hook is the name of one that ships, or a path");
  }
  require_trusted_program(program, "hook " + program.string(), is_name);
  return program;
}

}  // namespace mxcert
