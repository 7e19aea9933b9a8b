#include "base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include "base/wait.h"

namespace mxcert {
namespace {

/// What SystemTime, which counts nanoseconds, can hold whole.
constexpr std::chrono::year first_year{1678};
constexpr std::chrono::year last_year{2261};

/// `width` digits at `position`, which moves behind them; empty when there are none.
std::optional<int> take_digits(std::string_view text, std::size_t& position, std::size_t width) {
  if (text.size() < position + width) return std::nullopt;
  int value = 0;
  const char* begin = text.data() + position;
  const auto [end, failure] = std::from_chars(begin, begin + width, value);
  if (failure != std::errc{} || end != begin + width || *begin == '-') return std::nullopt;
  position += width;
  return value;
}

bool take_char(std::string_view text, std::size_t& position, char expected) {
  if (position >= text.size() || text[position] != expected) return false;
  ++position;
  return true;
}

}  // namespace

SystemTime RealClock::now() {
  return std::chrono::system_clock::now();
}
SteadyTime RealClock::steady_now() {
  return std::chrono::steady_clock::now();
}

void RealClock::sleep_for(std::chrono::milliseconds duration) {
  wait_for_any(*this, {}, Deadline::after(*this, duration));
}

std::chrono::milliseconds Deadline::left(Clock& clock) const {
  return std::max(std::chrono::milliseconds::zero(),
                  std::chrono::ceil<std::chrono::milliseconds>(at - clock.steady_now()));
}

std::string format_time(SystemTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::optional<SystemTime> parse_time(std::string_view text) {
  std::size_t at = 0;
  const auto year = take_digits(text, at, 4);
  if (!year || !take_char(text, at, '-')) return std::nullopt;
  const auto month = take_digits(text, at, 2);
  if (!month || !take_char(text, at, '-')) return std::nullopt;
  const auto day = take_digits(text, at, 2);
  if (!day || !(take_char(text, at, 'T') || take_char(text, at, 't') || take_char(text, at, ' '))) return std::nullopt;
  const auto hour = take_digits(text, at, 2);
  if (!hour || !take_char(text, at, ':')) return std::nullopt;
  const auto minute = take_digits(text, at, 2);
  if (!minute || !take_char(text, at, ':')) return std::nullopt;
  const auto second = take_digits(text, at, 2);
  if (!second) return std::nullopt;
  if (take_char(text, at, '.')) {
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9')
      ++at;
    if (at == begin) return std::nullopt;
  }
  std::chrono::minutes offset{0};
  if (!take_char(text, at, 'Z') && !take_char(text, at, 'z')) {
    const int sign = take_char(text, at, '+') ? 1 : take_char(text, at, '-') ? -1 : 0;
    if (sign == 0) return std::nullopt;
    const auto offset_hour = take_digits(text, at, 2);
    if (!offset_hour || !take_char(text, at, ':')) return std::nullopt;
    const auto offset_minute = take_digits(text, at, 2);
    if (!offset_minute) return std::nullopt;
    offset = std::chrono::minutes{sign * (*offset_hour * 60 + *offset_minute)};
  }
  const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (at != text.size() || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  if (date.year() < first_year) return std::chrono::sys_days{first_year / 1 / 1};
  if (date.year() > last_year) return std::chrono::sys_days{(last_year + std::chrono::years{1}) / 1 / 1};
  return std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
         std::chrono::seconds{*second} - offset;
}

std::string format_duration(std::chrono::seconds duration) {
  const auto unit = [](std::int64_t count, const char* name) {
    return fmt::format("{} {}{}", count, name, count == 1 ? "" : "s");
  };
  const std::int64_t seconds = duration.count();
  constexpr std::int64_t minute = 60, hour = 60 * minute, day = 24 * hour;
  if (std::abs(seconds) >= 2 * day) return unit(seconds / day, "day");
  if (std::abs(seconds) >= 2 * hour) return unit(seconds / hour, "hour");
  if (std::abs(seconds) >= 2 * minute) return unit(seconds / minute, "minute");
  return unit(seconds, "second");
}

}  // namespace mxcert
