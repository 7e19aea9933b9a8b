#include "config/renew_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"
#include "config/config_values.h"
#include "config/toml_section.h"

namespace mxcert::config {
namespace {

/// Digits and nothing else, at most `max`.
std::optional<int> parse_count(std::string_view text, int max) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value < 1 || value > max) return std::nullopt;
  return value;
}

bool set_fraction(RenewConfig& renew, std::string_view text) {
  const auto parts = split(text, '/');
  if (parts.size() != 2) return false;
  const auto numerator = parse_count(parts[0], 100);
  const auto denominator = parse_count(parts[1], 100);
  if (!numerator || !denominator || *numerator >= *denominator) return false;
  renew.numerator = *numerator;
  renew.denominator = *denominator;
  renew.duration.reset();
  return true;
}

bool set_duration(RenewConfig& renew, std::string_view text) {
  const auto duration = parse_days_or_hours(text);
  if (!duration || *duration == std::chrono::seconds{0}) return false;
  renew.duration = *duration;
  return true;
}

}  // namespace

std::chrono::seconds RenewConfig::time_before_end(std::chrono::seconds lifetime) const {
  const bool short_lived = lifetime < std::chrono::days{10};
  std::chrono::seconds time = lifetime / (short_lived ? 2 : 3);
  if (numerator > 0) time = lifetime * numerator / denominator;
  if (duration) time = *duration;
  return std::clamp(time, lifetime / 10, std::max(lifetime / 10, lifetime * 2 / 3));
}

void set_renew_before(RenewConfig& renew, const SourcedText& before) {
  if (!set_fraction(renew, before.text) && !set_duration(renew, before.text))
    throw ConfigError(fmt::format("{}: {} is neither a fraction of the lifetime nor a duration", before.where,
                                  printable(before.text, 100)),
                      "write it like 1/3, 30d or 12h");
  renew.before = before.text;
}

void read_renew(RenewConfig& renew, TomlSection section) {
  if (const auto before = section.text("before")) set_renew_before(renew, *before);
  section.finish();
}

}  // namespace mxcert::config
