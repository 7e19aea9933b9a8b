#include "config/ca_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "config/config_values.h"
#include "config/toml_section.h"

namespace mxcert::config {
namespace {

struct CaPreset {
  const char* name;
  const char* directory;
  const char* caa_identity;    // null: only its directory tells
  double requests_per_second;  // published for one address; 0: none is
};
/// Let's Encrypt's limits are those of most resources; for nonces it lets fewer through, which acme::Session expects.
constexpr std::array ca_presets{
    CaPreset{"letsencrypt", "https://acme-v02.api.letsencrypt.org/directory", "letsencrypt.org", 250},
    CaPreset{"letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory", "letsencrypt.org", 20},
    CaPreset{"zerossl", "https://acme.zerossl.com/v2/DV90", nullptr, 0},
    CaPreset{"google", "https://dv.acme-v02.api.pki.goog/directory", nullptr, 0},
    CaPreset{"google-staging", "https://dv.acme-v02.test-api.pki.goog/directory", nullptr, 0},
    CaPreset{"actalis", "https://acme-api.actalis.com/acme/directory", nullptr, 0},
    CaPreset{"sslcom-ecc", "https://acme.ssl.com/sslcom-dv-ecc", nullptr, 0},
    CaPreset{"sslcom-rsa", "https://acme.ssl.com/sslcom-dv-rsa", nullptr, 0},
    CaPreset{internal_directory.data(), internal_directory.data(), nullptr, 0},
};

int parse_hmac_algorithm(const SourcedText& algorithm) {
  if (algorithm.text == "HS256") return 256;
  if (algorithm.text == "HS384") return 384;
  if (algorithm.text == "HS512") return 512;
  throw ConfigError(
      fmt::format("{}: {} is no algorithm of an external account", algorithm.where, printable(algorithm.text, 100)),
      "known: HS256, HS384, HS512");
}

EabConfig read_eab(TomlSection section) {
  EabConfig eab;
  const auto key_id = section.text("kid");
  const auto key_file = section.text("hmac_key_file");
  if (const auto algorithm = section.text("algorithm")) eab.sha_bits = parse_hmac_algorithm(*algorithm);
  section.finish();
  if (!key_id || key_id->text.empty() || !key_file)
    throw ConfigError(fmt::format("{}: eab needs kid and hmac_key_file", section.where()),
                      "the CA's site gives you both; the HMAC key goes into a file of its own");
  eab.key_id = key_id->text;
  eab.key_file = absolute_path(*key_file);
  return eab;
}

std::string require_label(const SourcedText& label) {
  constexpr std::size_t max_bytes = 200;
  if (label.text.empty() || printable(label.text, max_bytes) != label.text)
    throw ConfigError(fmt::format("{}: {} is no name", label.where,
                                  label.text.empty() ? "an empty text" : printable(label.text, max_bytes)));
  return label.text;
}

/// What [ca] and an entry of its `fallback` have in common.
void read_ca_values(CaConfig& ca, TomlSection& section) {
  if (const auto profile = section.text("profile")) set_profile(ca, *profile);
  if (const auto issuer = section.text("preferred_chain")) set_preferred_chain(ca, *issuer);
  if (const auto trust = section.text("trust")) ca.trust = absolute_path(*trust);
  if (auto eab = section.section("eab")) ca.eab = read_eab(std::move(*eab));
  if (const auto rate = section.number("requests_per_second", 1, 1000))
    ca.requests_per_second = static_cast<double>(*rate);
}

/// What it would issue is no certificate for those who were content with the first one.
void refuse_internal(const CaConfig& ca, const std::string& where) {
  if (is_internal(ca))
    throw ConfigError(fmt::format("{}: the internal CA is no fallback: nobody trusts it unasked", where),
                      "placeholder = true has it issue where there is no certificate yet");
}

/// The roots to trust, the time and the key type are those of the first one, unless the entry says otherwise.
CaConfig read_fallback(const CaConfig& first, std::variant<SourcedText, TomlSection> entry) {
  CaConfig ca;
  ca.trust = first.trust;
  ca.timeout = first.timeout;
  ca.account_key = first.account_key;
  if (const auto* name = std::get_if<SourcedText>(&entry)) {
    set_ca(ca, *name);
    refuse_internal(ca, name->where);
    return ca;
  }
  auto& section = std::get<TomlSection>(entry);
  const auto directory = section.text("directory");
  if (directory) set_ca(ca, *directory);
  if (directory) refuse_internal(ca, directory->where);
  read_ca_values(ca, section);
  section.finish();
  if (!directory)
    throw ConfigError(fmt::format("{}: an entry of fallback without directory", section.where()),
                      "name the CA, as in fallback = [{ directory = \"zerossl\", eab = … }]");
  return ca;
}

}  // namespace

void set_profile(CaConfig& ca, const SourcedText& profile) {
  ca.profile = require_label(profile);
}

void set_preferred_chain(CaConfig& ca, const SourcedText& issuer) {
  ca.preferred_chain = require_label(issuer);
}

bool is_internal(const CaConfig& ca) {
  return ca.directory_url == internal_directory;
}

const CaConfig* find_ca(const CaConfig& first, const std::string& directory_url) {
  if (first.directory_url == directory_url) return &first;
  const auto found = std::ranges::find(first.fallback, directory_url, &CaConfig::directory_url);
  return found == first.fallback.end() ? nullptr : &*found;
}

bool is_known_ca(const std::string& directory_url) {
  return std::ranges::any_of(ca_presets, [&](const CaPreset& preset) { return directory_url == preset.directory; });
}

void set_ca(CaConfig& ca, const SourcedText& name) {
  ca.name = name.text;
  for (const CaPreset& preset : ca_presets) {
    if (name.text == preset.name) {
      ca.directory_url = preset.directory;
      ca.caa_identities.clear();
      if (preset.caa_identity != nullptr) ca.caa_identities = {preset.caa_identity};
      ca.requests_per_second = preset.requests_per_second;
      return;
    }
  }
  constexpr std::string_view scheme = "https://";
  if (name.text.starts_with(scheme) && name.text.size() > scheme.size() && name.text.size() < 1000 &&
      name.text.find_first_of(" \t\r\n\"<>@#") == std::string::npos) {
    ca.directory_url = name.text;
    ca.caa_identities.clear();
    ca.requests_per_second = 0;
    return;
  }
  if (name.text.starts_with("http://"))
    throw ConfigError(fmt::format("{}: {} is not https", name.where, printable(name.text, 200)),
                      "ACME is spoken over https only (RFC 8555 section 6.1)");
  const std::vector<std::string> names = known_cas();
  const auto nearest = closest_match(name.text, names);
  throw ConfigError(fmt::format("{}: {} is neither a known CA nor the https URL of a directory", name.where,
                                printable(name.text, 200)),
                    nearest ? fmt::format("did you mean {}?", *nearest) : fmt::format("known: {}", join(names, ", ")));
}

void set_eab(CaConfig& ca, const std::optional<std::string>& key_id, const std::optional<std::string>& key_file) {
  if (!key_id && !key_file) return;
  if (!key_id || !key_file)
    throw ConfigError("--eab-kid and --eab-key-file belong together", "the CA's site gives you both");
  ca.eab = EabConfig{.key_id = *key_id,
                     .key_file = make_absolute(*key_file),
                     .sha_bits = ca.eab ? ca.eab->sha_bits : EabConfig{}.sha_bits};
}

std::vector<std::string> known_cas() {
  std::vector<std::string> names;
  names.reserve(std::size(ca_presets));
  for (const CaPreset& preset : ca_presets)
    names.emplace_back(preset.name);
  return names;
}

void read_ca(CaConfig& ca, TomlSection section) {
  if (const auto directory = section.text("directory")) set_ca(ca, *directory);
  read_ca_values(ca, section);
  if (const auto timeout = section.number("timeout", 1, longest_order.count()))
    ca.timeout = std::chrono::seconds(*timeout);
  if (const auto type = section.text("account_key")) ca.account_key = parse_key_type(*type);
  if (const auto placeholder = section.flag("placeholder")) ca.placeholder = *placeholder;
  for (auto& entry : section.texts_or_sections("fallback"))
    ca.fallback.push_back(read_fallback(ca, std::move(entry)));
  section.finish();
}

}  // namespace mxcert::config
