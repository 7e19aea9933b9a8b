#include "config/deploy_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/hook_program.h"
#include "base/text.h"
#include "config/config.h"
#include "config/config_values.h"
#include "config/toml_section.h"
#include "deploy/hook.h"
#include "mx/ownership.h"

namespace mxcert::config {
namespace {

constexpr const char* listed_hook = "files";
constexpr std::size_t max_files = 64;
constexpr std::int64_t longest_timeout = 3600;  // seconds

deploy::Endpoint parse_endpoint(const SourcedText& endpoint) {
  return located(endpoint.where, [&] { return deploy::parse_endpoint(endpoint.text); });
}

void set_hook(deploy::Target& target, const SourcedText& hook) {
  located(hook.where, [&] { return find_hook(hook.text, shipped_hooks_directory()); });
  target.hook = hook.text;
}

std::string parse_certificate_pattern(const SourcedText& pattern) {
  return located(pattern.where, [&] { return mx::HostPattern::parse(pattern.text).text(); });
}

deploy::DaemonFile read_file_entry(TomlSection section) {
  const auto read = [&](const char* key, auto parse) {
    const SourcedText value = section.text(key).value_or(SourcedText{"", section.where()});
    return located(value.where, [&] { return parse(value.text); });
  };
  if (!section.text("path"))
    throw ConfigError(fmt::format("{}: files has an entry without path", section.where()),
                      "for example { path = \"/etc/haraka/tls.pem\", content = \"bundle\" }");
  deploy::DaemonFile file;
  file.path = read("path", deploy::parse_file_path);
  file.content = read("content", deploy::parse_content);
  file.key_type = read("key_type", deploy::parse_file_key_type);
  file.attributes.mode = read("mode", [&](const std::string& text) { return deploy::parse_mode(text, file.content); });
  file.attributes.owner = read("owner", deploy::parse_owner);
  file.attributes.group = read("group", deploy::parse_group);
  section.finish();
  return file;
}

/// `files` and `reload`, which only a target without hook has.
std::optional<deploy::ListedFiles> read_listed(TomlSection& section, bool is_listed) {
  deploy::ListedFiles listed;
  for (TomlSection& entry : section.sections("files"))
    listed.files.push_back(read_file_entry(std::move(entry)));
  const auto reload = section.list("reload");
  if (!is_listed) {
    if (listed.files.empty() && reload.empty()) return std::nullopt;
    throw ConfigError(fmt::format("{}: files and reload are for hook = \"{}\"", section.where(), listed_hook),
                      "other hooks know where the daemon has its files");
  }
  if (listed.files.empty() || listed.files.size() > max_files)
    throw ConfigError(fmt::format("{}: hook = \"{}\" needs files, 1 to {}", section.where(), listed_hook, max_files),
                      "for example files = [{ path = \"/etc/haraka/tls.pem\", content = \"bundle\" }]");
  if (!reload.empty()) located(reload.front().where, [&] { return deploy::find_reload_program(reload.front().text); });
  for (const SourcedText& argument : reload)
    listed.reload.push_back(argument.text);
  return listed;
}

/// The target with that hook, which the file may have already.
deploy::Target& target_for(std::vector<deploy::Target>& targets, const std::string& hook) {
  const auto known = std::ranges::find(targets, hook, &deploy::Target::hook);
  if (known != targets.end()) return *known;
  if (hook == listed_hook)
    throw ConfigError("--deploy files: the configuration has to list the files",
                      "see mxcert.toml(5), [[deploy]] files");
  deploy::Target target;
  set_hook(target, {hook, "--deploy"});
  return targets.emplace_back(std::move(target));
}

std::string explain(const deploy::Target& target) {
  std::string text = target.hook;
  if (target.listed) {
    std::vector<std::string> paths;
    for (const deploy::DaemonFile& file : target.listed->files)
      paths.push_back(file.path.string());
    text +=
        fmt::format(" {}{}", join(paths, ", "),
                    target.listed->reload.empty() ? "" : "; reload: " + printable(join(target.listed->reload, " ")));
  }
  if (!target.certificates.empty()) text += fmt::format(" for {}", join(target.certificates, ", "));
  return text + (target.configure ? " (may configure)" : "");
}

}  // namespace

deploy::Target read_deploy(TomlSection section) {
  deploy::Target target;
  const auto hook = section.text("hook");
  const bool is_listed = hook && hook->text == listed_hook;
  for (const SourcedText& endpoint : section.list("verify"))
    target.verify.push_back(parse_endpoint(endpoint));
  if (const auto configure = section.flag("configure")) target.configure = *configure;
  if (const auto timeout = section.number("timeout", 1, longest_timeout))
    target.timeout = std::chrono::seconds(*timeout);
  if (const auto timeout = section.number("verify_timeout", 1, longest_timeout))
    target.verify_timeout = std::chrono::seconds(*timeout);
  for (const SourcedText& pattern : section.list("certificates"))
    target.certificates.push_back(parse_certificate_pattern(pattern));
  target.listed = read_listed(section, is_listed);
  section.finish();
  if (!hook)
    throw ConfigError(fmt::format("{}: [[deploy]] without hook", section.where()),
                      "name a shipped hook, as in hook = \"exim\", or the path of one");
  if (!is_listed) {
    set_hook(target, *hook);
  } else if (target.configure) {
    throw ConfigError(fmt::format("{}: hook = \"{}\" configures nothing", section.where(), listed_hook),
                      "leave configure out, and have the daemon's configuration name the files");
  }
  target.hook = hook->text;
  return target;
}

void apply_deploy_options(std::vector<deploy::Target>& targets, const ConfigOptions& options) {
  for (const std::string& hook : options.deploy) {
    deploy::Target& target = target_for(targets, hook);
    if (options.configure) target.configure = true;
    for (const std::string& endpoint : options.verify)
      target.verify.push_back(parse_endpoint({endpoint, "--verify"}));
  }
  if (options.deploy.empty() && (options.configure || !options.verify.empty()))
    throw ConfigError("--configure and --verify say something about --deploy, which is missing",
                      "add --deploy exim, or write configure and verify into [[deploy]]");
}

std::vector<std::pair<std::string, std::string>> explain_deploy(const std::vector<deploy::Target>& targets) {
  std::vector<std::string> texts;
  std::ranges::transform(targets, std::back_inserter(texts), explain);
  return {{"deploy", texts.empty() ? "none: certificates are stored, nothing is installed" : join(texts, ", ")}};
}

}  // namespace mxcert::config
