#include "config/challenge_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "base/error.h"
#include "base/hook_program.h"
#include "base/text.h"
#include "config/config_values.h"
#include "config/toml_section.h"

namespace mxcert::config {
namespace {

using Type = solve::ChallengeMethod::Type;

constexpr std::chrono::seconds longest_wait{3600};

void set_server(solve::DnsProvider& provider, const SourcedText& server) {
  located(server.where, [&] {
    const auto at = server.text.find('@');
    provider.server = dns::IpAddress::parse(server.text.substr(0, at));
    if (at == std::string::npos) return;
    const std::string_view port = std::string_view(server.text).substr(at + 1);
    const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), provider.port);
    if (failure != std::errc{} || end != port.data() + port.size() || provider.port == 0)
      throw Error(fmt::format("{} is not ADDRESS or ADDRESS@PORT", printable(server.text, 100)));
  });
}

solve::DnsProvider read_dns_provider(TomlSection section) {
  solve::DnsProvider provider;
  const auto name = section.text("provider");
  if (!name || (name->text != "rfc2136" && name->text != "hook"))
    throw ConfigError(fmt::format("{}: dns needs a provider", name ? name->where : section.where()),
                      "provider is rfc2136 (with server and key_file) or hook (with hook)");
  const auto require = [&](const char* key) {
    const auto text = section.text(key);
    if (!text) throw ConfigError(fmt::format("{}: provider {} needs {}", section.where(), name->text, key));
    return *text;
  };
  if (name->text == "rfc2136") {
    set_server(provider, require("server"));
    provider.key_file = absolute_path(require("key_file"));
    if (const auto wait = section.number("wait", 0, longest_wait.count())) provider.wait = std::chrono::seconds(*wait);
  } else {
    provider.kind = solve::DnsProvider::Kind::hook;
    const SourcedText hook = require("hook");
    provider.hook = hook.text;
    located(hook.where, [&] { return find_hook(hook.text, shipped_hooks_directory() / "dns"); });
  }
  section.finish();
  return provider;
}

/// The keys that [challenge] and [[challenge.for]] have in common.
solve::ChallengeMethod read_method(TomlSection& section) {
  solve::ChallengeMethod method;
  if (const auto type = section.text("type")) set_challenge_type(method, *type);
  for (const SourcedText& address : section.list("listen"))
    add_listen_address(method, address);
  if (const auto webroot = section.text("webroot")) {
    if (!method.listen.empty())
      throw ConfigError(fmt::format("{}: webroot and listen exclude each other", webroot->where),
                        "with webroot your web server answers, with listen mxcert does");
    set_webroot(method, *webroot);
  }
  if (auto dns = section.section("dns")) {
    if (method.type != Type::dns_01)
      throw ConfigError(fmt::format("{}: {} needs no dns", dns->where(), to_string(method.type)),
                        "say type = \"dns-01\" if it is meant");
    method.dns = read_dns_provider(std::move(*dns));
  }
  require_complete(method, section.where());
  return method;
}

ChallengeConfig::For read_exception(TomlSection section) {
  ChallengeConfig::For exception;
  for (const SourcedText& name : section.list("names"))
    exception.names.push_back(located(name.where, [&] { return mx::HostPattern::parse(name.text); }));
  exception.method = read_method(section);
  section.finish();
  if (exception.names.empty())
    throw ConfigError(fmt::format("{}: [[challenge.for]] without names", section.where()),
                      "say which, as in names = [\"*.example.net\"]");
  return exception;
}

std::string describe_listen(const solve::ChallengeMethod& method) {
  std::vector<std::string> addresses;
  for (const auto& address : method.listen)
    addresses.push_back(solve::to_string(address));
  return addresses.empty() ? fmt::format("port {} on every address", port_of(method.type)) : join(addresses, ", ");
}

std::string describe_dns(const solve::DnsProvider& provider) {
  if (provider.kind == solve::DnsProvider::Kind::hook) return fmt::format("hook {}", provider.hook);
  return fmt::format("rfc2136 to {}@{} with the key in {}, waiting up to {} for the zone's servers",
                     provider.server->to_string(), provider.port, provider.key_file.string(),
                     format_duration(provider.wait));
}

std::string describe_names(const ChallengeConfig::For& exception) {
  std::vector<std::string> texts;
  for (const mx::HostPattern& pattern : exception.names)
    texts.push_back(pattern.text());
  return join(texts, ", ");
}

}  // namespace

const solve::ChallengeMethod& ChallengeConfig::method_for(const dns::DnsName& name) const {
  for (const For& exception : exceptions)
    if (std::ranges::any_of(exception.names, [&](const auto& pattern) { return pattern.matches(name); }))
      return exception.method;
  return method;
}

const solve::ChallengeMethod& ChallengeConfig::method_for(const std::string& name) const {
  const auto parsed = dns::DnsName::parse_host(name);
  return parsed ? method_for(*parsed) : method;
}

void set_challenge_type(solve::ChallengeMethod& method, const SourcedText& type) {
  const Type wanted = located(type.where, [&] { return solve::parse_challenge_type(type.text); });
  if (wanted != method.type) method = {.type = wanted};
}

void add_listen_address(solve::ChallengeMethod& method, const SourcedText& address) {
  if (port_of(method.type) == 0)
    throw ConfigError(fmt::format("{}: nothing is listened on for {}", address.where, to_string(method.type)));
  method.listen.push_back(
      located(address.where, [&] { return solve::parse_listen_address(address.text, port_of(method.type)); }));
}

void require_complete(const solve::ChallengeMethod& method, const std::string& where) {
  if (method.type == Type::dns_01 && !method.dns)
    throw ConfigError(fmt::format("{}: dns-01 needs to know who changes the DNS", where),
                      "dns = { provider = \"rfc2136\", server = \"192.0.2.53\", key_file = \"/etc/mxcert/tsig.key\" }");
}

void set_webroot(solve::ChallengeMethod& method, const SourcedText& directory) {
  if (method.type != Type::http_01)
    throw ConfigError(fmt::format("{}: {} is not shown by a webroot", directory.where, to_string(method.type)),
                      "webroot is for type = \"http-01\"");
  method.webroot = absolute_path(directory);
  method.listen.clear();
}

void read_challenge(ChallengeConfig& challenge, TomlSection section) {
  challenge.method = read_method(section);
  for (TomlSection& exception : section.sections("for"))
    challenge.exceptions.push_back(read_exception(std::move(exception)));
  section.finish();
}

std::vector<std::pair<std::string, std::string>> explain_challenge(const ChallengeConfig& challenge) {
  std::vector<std::pair<std::string, std::string>> settings;
  const auto explain = [&](const std::string& prefix, const solve::ChallengeMethod& method) {
    settings.emplace_back(prefix + "type", to_string(method.type));
    if (method.webroot)
      settings.emplace_back(prefix + "webroot", method.webroot->string());
    else if (method.dns)
      settings.emplace_back(prefix + "dns", describe_dns(*method.dns));
    else if (port_of(method.type) != 0)
      settings.emplace_back(prefix + "listen", describe_listen(method));
  };
  explain("challenge.", challenge.method);
  for (std::size_t i = 0; i < challenge.exceptions.size(); ++i) {
    const std::string prefix = fmt::format("challenge.for[{}].", i);
    settings.emplace_back(prefix + "names", describe_names(challenge.exceptions[i]));
    explain(prefix, challenge.exceptions[i].method);
  }
  return settings;
}

}  // namespace mxcert::config
