#include "deploy/hook.h"

#include <fmt/format.h>

#include <map>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/name_table.h"
#include "base/process.h"
#include "base/text.h"
#include "base/version.h"

namespace mxcert::deploy {
namespace fs = std::filesystem;
namespace {

constexpr int not_handled_status = 42;
constexpr std::size_t max_output_bytes = 1 << 18;

std::string key_types(const Delivery& delivery) {
  std::vector<std::string_view> types;
  for (const pki::KeyFamily family : delivery.key_families())
    types.push_back(pki::to_string(family));
  return fmt::format("{}", fmt::join(types, " "));
}

std::string lines_of(std::span<const fs::path> paths) {
  std::string lines;
  for (const fs::path& path : paths)
    lines += path.string() + "\n";
  return lines;
}

std::map<std::string, std::string> environment_for(HookEvent event, const Delivery& delivery, bool configure,
                                                   std::span<const fs::path> leaving) {
  const std::string names = join(delivery.names, " ");
  const auto file = [&](const char* name) { return (delivery.lineage / name).string(); };
  std::map<std::string, std::string> environment = hook_environment({
      {"MXCERT_VERSION", program_version},
      {"MXCERT_EVENT", std::string(to_string(event))},
      {"MXCERT_NAME", delivery.certificate_name},
      {"MXCERT_NAMES", names},
      {"MXCERT_ROLE", std::string(to_string(delivery.role))},
      {"MXCERT_KEY_TYPES", key_types(delivery)},
      {"MXCERT_LINEAGE", delivery.lineage.string()},
      {"MXCERT_PRIVKEY", file("privkey.pem")},
      {"MXCERT_CERT", file("cert.pem")},
      {"MXCERT_CHAIN", file("chain.pem")},
      {"MXCERT_FULLCHAIN", file("fullchain.pem")},
      {"MXCERT_BUNDLE", file("bundle.pem")},
      {"MXCERT_CONFIGURE", configure ? "1" : "0"},
      {"RENEWED_LINEAGE", delivery.lineage.string()},  // as certbot's deploy hooks know them
      {"RENEWED_DOMAINS", names},
  });
  if (!leaving.empty()) environment.emplace("MXCERT_LEAVING", lines_of(leaving));
  return environment;
}

/// What is run for the event; nothing when that is nothing.
std::vector<std::string> arguments_for(const fs::path& program, HookEvent event, const Target& target) {
  if (!target.listed) return {program.string(), std::string(to_string(event))};
  if (program.empty() || event == HookEvent::check) return {};
  std::vector<std::string> arguments = target.listed->reload;
  arguments.at(0) = program.string();
  return arguments;
}

constexpr auto event_names = name_table<HookEvent>({
    {HookEvent::describe, "describe"},
    {HookEvent::check, "check"},
    {HookEvent::deploy, "deploy"},
    {HookEvent::rollback, "rollback"},
});

}  // namespace

fs::path find_program(const Target& target, const fs::path& hooks_directory) {
  if (!target.listed) return find_hook(target.hook, hooks_directory);
  return target.listed->reload.empty() ? fs::path() : find_reload_program(target.listed->reload.front());
}

fs::path find_reload_program(const std::string& program) {
  fs::path path = program;
  const std::string folders = system_path();
  if (program.find('/') == std::string::npos) {
    for (const std::string_view directory : split(folders, ':'))
      if (path = fs::path(directory) / program; path_exists(path)) break;
    if (!path_exists(path))
      throw ConfigError(fmt::format("there is no program \"{}\" in {}", printable(program, 100), folders),
                        "give its path");
  } else if (!path.is_absolute()) {
    throw ConfigError(
        fmt::format("\"{}\" is neither the name of a program nor an absolute path", printable(program, 100)));
  }
  require_trusted_program(path, path.string());
  return path;
}

std::string_view to_string(HookEvent event) {
  return name_of(event_names, event);
}

HookAnswer run_hook(Clock& clock, const fs::path& program, HookEvent event, const Target& target,
                    const Delivery& delivery, bool configure, std::span<const fs::path> leaving) {
  std::vector<std::string> arguments = arguments_for(program, event, target);
  if (arguments.empty()) return {};
  const Command command{.arguments = std::move(arguments),
                        .environment = environment_for(event, delivery, configure, leaving),
                        .timeout = target.timeout,
                        .max_output_bytes = max_output_bytes};
  ProcessResult result = run_process(clock, command);
  if (!target.listed && result.exit_status == not_handled_status && !result.timed_out) return {.handled = false};
  if (!result.succeeded())
    throw hook_failure(target.listed ? join(target.listed->reload, " ")
                                     : fmt::format("hook {} {}", program.filename().string(), to_string(event)),
                       command, result);
  return {.standard_output = std::move(result.standard_output)};
}

}  // namespace mxcert::deploy
