#include "acme/headers.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "acme/transport.h"
#include "base/text.h"

namespace mxcert::acme {
namespace {

constexpr std::chrono::seconds longest_retry_after = std::chrono::days{400};
/// What SystemTime, which counts nanoseconds, can hold whole; nothing was sent before HTTP.
constexpr std::chrono::year first_year{1990};
constexpr std::chrono::year last_year{2261};
constexpr std::size_t max_links = 20;
constexpr std::size_t max_url_bytes = 2048;

/// `text` as a number if it is nothing but digits; too many digits are the largest number.
std::optional<std::int64_t> parse_digits(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc::result_out_of_range ? INT64_MAX : value;
}

std::optional<unsigned> parse_month(std::string_view text) {
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto found = std::ranges::find(months, text);
  if (found == months.end()) return std::nullopt;
  return static_cast<unsigned>(found - months.begin()) + 1;
}

std::optional<std::chrono::seconds> parse_time_of_day(std::string_view text) {
  const auto parts = split(text, ':');
  if (parts.size() != 3) return std::nullopt;
  const auto hour = parse_digits(parts[0]);
  const auto minute = parse_digits(parts[1]);
  const auto second = parse_digits(parts[2]);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*second};
}

/// Takes `<target>; parameters` off the front of a Link header, up to the comma that ends it.
struct Link {
  std::string_view target;
  std::string_view parameters;
};
std::optional<Link> take_link(std::string_view& header) {
  const auto open = header.find('<');
  if (open == std::string_view::npos) return std::nullopt;
  const auto close = header.find('>', open);
  if (close == std::string_view::npos) return std::nullopt;
  std::size_t end = close + 1;
  for (bool quoted = false; end < header.size() && (quoted || header[end] != ','); ++end)
    if (header[end] == '"') quoted = !quoted;
  const Link link{header.substr(open + 1, close - open - 1), header.substr(close + 1, end - close - 1)};
  header.remove_prefix(end);
  return link;
}

bool has_relation(std::string_view parameters, std::string_view relation) {
  for (const std::string_view parameter : split(parameters, ';')) {
    const auto equals = parameter.find('=');
    if (equals == std::string_view::npos || to_lower_ascii(trim(parameter.substr(0, equals))) != "rel") continue;
    std::string_view value = trim(parameter.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    return std::ranges::any_of(split(value, ' '), [&](std::string_view one) { return one == relation; });
  }
  return false;
}

}  // namespace

std::optional<SystemTime> parse_http_date(std::string_view text) {
  const auto parts = split(trim(text), ' ');
  if (parts.size() != 6 || parts[0].size() != 4 || parts[0].back() != ',' || parts[5] != "GMT") return std::nullopt;
  const auto day = parse_digits(parts[1]);
  const auto month = parse_month(parts[2]);
  const auto year = parse_digits(parts[3]);
  const auto time = parse_time_of_day(parts[4]);
  if (!day || !month || !year || !time || *day > 31 || parts[3].size() != 4) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)}, std::chrono::month{*month},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok() || date.year() < first_year) return std::nullopt;
  return date.year() > last_year ? std::chrono::sys_days{(last_year + std::chrono::years{1}) / 1 / 1}
                                 : std::chrono::sys_days{date} + *time;
}

std::optional<std::chrono::seconds> retry_after(const Response& response, SystemTime now) {
  const std::string_view value = trim(response.retry_after);
  std::optional<std::chrono::seconds> wait;
  if (const auto seconds = parse_digits(value)) {
    wait = std::chrono::seconds{std::min<std::int64_t>(*seconds, longest_retry_after.count())};
  } else if (const auto time = parse_http_date(value)) {
    wait = std::chrono::floor<std::chrono::seconds>(*time - parse_http_date(response.date).value_or(now));
  }
  if (!wait) return std::nullopt;
  return std::clamp(*wait, std::chrono::seconds{0}, longest_retry_after);
}

std::vector<std::string> find_links(const Response& response, std::string_view relation) {
  std::vector<std::string> found;
  for (std::string_view header : response.links)
    while (const auto link = take_link(header)) {
      if (!is_https_url(link->target) || !has_relation(link->parameters, relation)) continue;
      if (found.size() == max_links) return found;
      found.emplace_back(link->target);
    }
  return found;
}

bool is_https_url(std::string_view url) {
  constexpr std::string_view scheme = "https://";
  if (!url.starts_with(scheme) || url.size() > max_url_bytes) return false;
  const auto forbidden = [](char c) {
    return c <= 0x20 || c >= 0x7F || std::string_view("\"<>\\^`{|}").find(c) != std::string_view::npos;
  };
  if (std::ranges::any_of(url, forbidden)) return false;
  const std::string_view rest = url.substr(scheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  return !authority.empty() && authority.front() != ':' && authority.find('@') == std::string_view::npos;
}

}  // namespace mxcert::acme
