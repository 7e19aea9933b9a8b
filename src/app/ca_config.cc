#include "app/ca_config.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "app/config_values.h"
#include "app/toml_section.h"
#include "base/error.h"
#include "base/text.h"

namespace mxcert::app {
namespace {

struct CaPreset {
  const char* name;
  const char* directory;
  const char* caa_identity;
};
constexpr std::array ca_presets{
    CaPreset{"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory", "letsencrypt.org"},
    CaPreset{"letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory", "letsencrypt.org"},
};

}  // namespace

void set_ca(CaConfig& ca, const SourcedText& name) {
  ca.name = name.text;
  for (const CaPreset& preset : ca_presets) {
    if (name.text == preset.name) {
      ca.directory_url = preset.directory;
      ca.caa_identities = {preset.caa_identity};
      return;
    }
  }
  constexpr std::string_view scheme = "https://";
  if (name.text.starts_with(scheme) && name.text.size() > scheme.size() && name.text.size() < 1000 &&
      name.text.find_first_of(" \t\r\n\"<>@#") == std::string::npos) {
    ca.directory_url = name.text;
    ca.caa_identities.clear();
    return;
  }
  if (name.text.starts_with("http://"))
    throw ConfigError(fmt::format("{}: {} is not https", name.where, printable(name.text, 200)),
                      "ACME is spoken over https only (RFC 8555 section 6.1)");
  std::vector<std::string> names;
  for (const CaPreset& preset : ca_presets)
    names.emplace_back(preset.name);
  const auto nearest = closest_match(name.text, names);
  throw ConfigError(fmt::format("{}: {} is neither a known CA nor the https URL of a directory", name.where,
                                printable(name.text, 200)),
                    nearest ? fmt::format("did you mean {}?", *nearest) : fmt::format("known: {}", join(names, ", ")));
}

void read_ca(CaConfig& ca, TomlSection section) {
  if (const auto directory = section.text("directory")) set_ca(ca, *directory);
  if (const auto trust = section.text("trust")) ca.trust = absolute_path(*trust);
  if (const auto timeout = section.number("timeout", 1, longest_order.count()))
    ca.timeout = std::chrono::seconds(*timeout);
  if (const auto type = section.text("account_key")) ca.account_key = parse_key_type(*type);
  section.finish();
}

}  // namespace mxcert::app
