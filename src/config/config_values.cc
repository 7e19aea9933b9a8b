#include "config/config_values.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "config/toml_section.h"
#include "dns/wildcard.h"

namespace mxcert::config {

std::optional<std::chrono::seconds> parse_days_or_hours(std::string_view text) {
  constexpr int max_days = 400;
  if (text.empty() || (text.back() != 'd' && text.back() != 'h')) return std::nullopt;
  const std::chrono::hours unit{text.back() == 'd' ? 24 : 1};
  text.remove_suffix(1);
  int count = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failure != std::errc{} || end != text.data() + text.size() || count < 0) return std::nullopt;
  if (count > std::chrono::hours(std::chrono::days{max_days}) / unit) return std::nullopt;
  return count * unit;
}

dns::DnsName parse_name(const SourcedText& name) {
  return located(name.where, [&] { return dns::DnsName::parse(name.text); });
}

dns::DnsName parse_certificate_name(const SourcedText& name) {
  return located(name.where, [&] { return dns::parse_certificate_name(name.text); });
}

std::filesystem::path absolute_path(const SourcedText& path) {
  if (!path.text.starts_with('/'))
    throw ConfigError(fmt::format("{}: {} is not an absolute path", path.where, printable(path.text, 200)));
  return path.text;
}

pki::KeyType parse_key_type(const SourcedText& type) {
  if (const auto parsed = pki::parse_key_type(type.text)) return *parsed;
  throw ConfigError(fmt::format("{}: {} is not a key type", type.where, printable(type.text, 100)),
                    "known: ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096");
}

std::vector<pki::KeyType> parse_key_types(std::span<const SourcedText> types, const std::string& where) {
  constexpr std::string_view hint = "for example keys = [\"ecdsa-p256\", \"rsa-2048\"]";
  std::vector<pki::KeyType> parsed;
  for (const SourcedText& text : types) {
    const pki::KeyType type = parse_key_type(text);
    for (const pki::KeyType other : parsed)
      if (pki::family_of(other) == pki::family_of(type))
        throw ConfigError(fmt::format("{}: {} besides {}: keys may name one ECDSA and one RSA type", text.where,
                                      pki::to_string(type), pki::to_string(other)),
                          std::string(hint));
    parsed.push_back(type);
  }
  if (parsed.empty()) throw ConfigError(fmt::format("{}: keys names no key type", where), std::string(hint));
  return parsed;
}

}  // namespace mxcert::config
