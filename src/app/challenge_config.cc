#include "app/challenge_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/config_values.h"
#include "app/toml_section.h"
#include "base/error.h"
#include "base/text.h"

namespace mxcert::app {
namespace {

using Type = ChallengeMethod::Type;

constexpr std::array types{Type::http_01, Type::tls_alpn_01};

/// The keys that [challenge] and [[challenge.for]] have in common.
ChallengeMethod read_method(TomlSection& section) {
  ChallengeMethod method;
  if (const auto type = section.text("type")) set_challenge_type(method, *type);
  for (const SourcedText& address : section.list("listen"))
    add_listen_address(method, address);
  if (const auto webroot = section.text("webroot")) {
    if (!method.listen.empty())
      throw ConfigError(fmt::format("{}: webroot and listen exclude each other", webroot->where),
                        "with webroot your web server answers, with listen mxcert does");
    set_webroot(method, *webroot);
  }
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

std::string describe_listen(const ChallengeMethod& method) {
  std::vector<std::string> addresses;
  for (const auto& address : method.listen)
    addresses.push_back(solve::to_string(address));
  return addresses.empty() ? fmt::format("port {} on every address", port_of(method.type)) : join(addresses, ", ");
}

std::string describe_names(const ChallengeConfig::For& exception) {
  std::vector<std::string> texts;
  for (const mx::HostPattern& pattern : exception.names)
    texts.push_back(pattern.text());
  return join(texts, ", ");
}

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::http_01:
      return "http-01";
    case Type::tls_alpn_01:
      return "tls-alpn-01";
  }
  return "";
}

std::uint16_t port_of(Type type) {
  switch (type) {
    case Type::http_01:
      return 80;
    case Type::tls_alpn_01:
      return 443;
  }
  return 0;
}

const ChallengeMethod& ChallengeConfig::method_for(const dns::DnsName& name) const {
  for (const For& exception : exceptions)
    if (std::ranges::any_of(exception.names, [&](const auto& pattern) { return pattern.matches(name); }))
      return exception.method;
  return method;
}

void set_challenge_type(ChallengeMethod& method, const SourcedText& type) {
  std::vector<std::string> known;
  for (const Type candidate : types) {
    if (type.text == to_string(candidate)) {
      if (candidate != method.type) method = {.type = candidate};
      return;
    }
    known.emplace_back(to_string(candidate));
  }
  throw ConfigError(fmt::format("{}: challenge type {} is not supported", type.where, printable(type.text, 100)),
                    fmt::format("known: {}", join(known, ", ")));
}

void add_listen_address(ChallengeMethod& method, const SourcedText& address) {
  method.listen.push_back(
      located(address.where, [&] { return solve::parse_listen_address(address.text, port_of(method.type)); }));
}

void set_webroot(ChallengeMethod& method, const SourcedText& directory) {
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
  const auto explain = [&](const std::string& prefix, const ChallengeMethod& method) {
    settings.emplace_back(prefix + "type", to_string(method.type));
    if (method.webroot)
      settings.emplace_back(prefix + "webroot", method.webroot->string());
    else
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

}  // namespace mxcert::app
