#include "deploy/hook.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"

namespace mxcert::deploy {
namespace fs = std::filesystem;
namespace {

constexpr int not_handled_status = 42;
constexpr std::size_t max_output_bytes = 1 << 18;
constexpr std::size_t max_complaint_lines = 4;
constexpr std::size_t max_complaint_bytes = 600;

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

/// Whoever can write the program can do what we can.
void refuse_if_others_could_change(const fs::path& program, const struct stat& status, bool ships_with_us) {
  const bool foreign_group = (status.st_mode & S_IWGRP) != 0 && status.st_gid != 0 && status.st_gid != ::getegid();
  if ((status.st_mode & S_IWOTH) != 0 || (foreign_group && !ships_with_us))
    throw ConfigError(fmt::format("hook {} can be written by others", program.string()),
                      fmt::format("chmod go-w {}", program.string()));
  // One that ships is as trustworthy as the program it lies beside.
  if (!ships_with_us && status.st_uid != 0 && status.st_uid != ::geteuid())
    throw ConfigError(fmt::format("hook {} belongs to another user (uid {})", program.string(), status.st_uid),
                      fmt::format("chown root {}", program.string()));
}

std::map<std::string, std::string> environment_for(HookEvent event, const Delivery& delivery, bool configure) {
  const std::string names = join(delivery.names, " ");
  const auto file = [&](const char* name) { return (delivery.lineage / name).string(); };
  return {
      {"PATH", system_path()},
      {"LC_ALL", "C"},
      {"MXCERT_VERSION", MXCERT_PROGRAM_VERSION},
      {"MXCERT_EVENT", std::string(to_string(event))},
      {"MXCERT_NAME", delivery.certificate_name},
      {"MXCERT_NAMES", names},
      {"MXCERT_LINEAGE", delivery.lineage.string()},
      {"MXCERT_PRIVKEY", file("privkey.pem")},
      {"MXCERT_CERT", file("cert.pem")},
      {"MXCERT_CHAIN", file("chain.pem")},
      {"MXCERT_FULLCHAIN", file("fullchain.pem")},
      {"MXCERT_BUNDLE", file("bundle.pem")},
      {"MXCERT_CONFIGURE", configure ? "1" : "0"},
      {"RENEWED_LINEAGE", delivery.lineage.string()},  // as certbot's deploy hooks know them
      {"RENEWED_DOMAINS", names},
  };
}

/// The end of what it wrote to stderr, in one line.
std::string complaint(const ProcessResult& result) {
  std::vector<std::string> lines;
  for (const std::string_view line : split(result.standard_error, '\n'))
    if (!trim(line).empty()) lines.push_back(printable(trim(line), max_complaint_bytes));
  if (lines.size() > max_complaint_lines) lines.erase(lines.begin(), lines.end() - max_complaint_lines);
  std::string text = join(lines, " / ");
  if (text.size() > max_complaint_bytes) text = "…" + text.substr(text.size() - max_complaint_bytes);
  return printable(text, max_complaint_bytes + 10);
}

std::string failure_message(const fs::path& program, HookEvent event, const Target& target,
                            const ProcessResult& result) {
  const std::string end =
      result.timed_out ? fmt::format("did not end within {} s", static_cast<double>(target.timeout.count()) / 1000)
                       : result.describe();
  const std::string said = complaint(result);
  return fmt::format("hook {} {} {}{}{}", program.filename().string(), to_string(event), end, said.empty() ? "" : ": ",
                     said);
}

}  // namespace

fs::path shipped_hooks_directory() {
  std::error_code failure;
  const fs::path program = fs::read_symlink("/proc/self/exe", failure);
  const fs::path folder = failure ? fs::path("/usr/sbin") : program.parent_path();
  const fs::path in_build_folder = folder / "mxcert-hooks";
  if (fs::is_directory(in_build_folder, failure)) return in_build_folder;
  return (folder / MXCERT_HOOKS_PATH).lexically_normal();
}

fs::path find_hook(const std::string& hook, const fs::path& hooks_directory) {
  const bool is_name = hook.find('/') == std::string::npos;
  const fs::path program = is_name ? hooks_directory / hook : fs::absolute(hook);
  struct stat status {};
  if (hook.empty() || hook == "." || hook == ".." || ::stat(program.c_str(), &status) != 0) {
    if (is_name) throw_unknown_name(hook, hooks_directory);
    throw ConfigError(fmt::format("no hook {}", program.string()), "hook is the name of one that ships, or a path");
  }
  if (!S_ISREG(status.st_mode)) throw ConfigError(fmt::format("hook {} is not a file", program.string()));
  refuse_if_others_could_change(program, status, is_name);
  if ((status.st_mode & 0111) == 0 || ::access(program.c_str(), X_OK) != 0)
    throw ConfigError(fmt::format("hook {} is not executable", program.string()),
                      fmt::format("chmod +x {}", program.string()));
  return program;
}

std::string_view to_string(HookEvent event) {
  switch (event) {
    case HookEvent::describe:
      return "describe";
    case HookEvent::check:
      return "check";
    case HookEvent::deploy:
      return "deploy";
    case HookEvent::rollback:
      return "rollback";
  }
  return "";
}

HookAnswer run_hook(Clock& clock, const fs::path& program, HookEvent event, const Target& target,
                    const Delivery& delivery, bool configure) {
  ProcessResult result = run_process(clock, {.arguments = {program.string(), std::string(to_string(event))},
                                             .environment = environment_for(event, delivery, configure),
                                             .timeout = target.timeout,
                                             .max_output_bytes = max_output_bytes});
  if (result.exit_status == not_handled_status && !result.timed_out) return {.handled = false};
  if (!result.succeeded())
    throw Error(failure_message(program, event, target, result),
                fmt::format("run it by hand to see more: {} {}", program.string(), to_string(event)), "hook_failed");
  return {.standard_output = std::move(result.standard_output)};
}

}  // namespace mxcert::deploy
