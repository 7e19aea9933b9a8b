#include "issue/backoff.h"

#include <fmt/format.h>

#include <set>

#include "catch.h"

using namespace mxcert;
using namespace std::chrono_literals;

namespace {
const SystemTime noon = *parse_time("2026-11-23T12:00:00Z");
auto wait_after(int count, std::string_view subject = "mx.example.com") {
  return issue::next_attempt({.count = count, .at = noon, .message = "", .hint = ""}, subject) - noon;
}
}  // namespace

TEST_CASE("after each failure in a row renew waits twice as long, at most a day, and up to a fifth less") {
  const auto [count, most] = GENERATE(table<int, std::chrono::minutes>(
      {{1, 5min}, {2, 10min}, {5, 80min}, {9, 1280min}, {10, 24h}, {1'000'000, 24h}, {-5, 5min}}));
  CAPTURE(count);
  CHECK(wait_after(count) <= most);
  CHECK(wait_after(count) > most * 4 / 5);
}

TEST_CASE("the pause is the same at each question, and another for another certificate") {
  CHECK(wait_after(10) == wait_after(10));
  std::set<std::chrono::nanoseconds> different;
  for (int i = 0; i < 100; ++i)
    different.insert(wait_after(10, fmt::format("mx{}.example.com", i)));
  CHECK(different.size() > 50);
}

TEST_CASE("what the CA asks for counts up to a week") {
  const auto wait = [](std::chrono::seconds retry_after) { return issue::end_of_rate_limit(retry_after, noon) - noon; };
  CHECK(wait(1s) == 1s);
  CHECK(wait(-1h) == 0s);
  CHECK(wait(36h) == 36h);
  CHECK(wait(365 * 24h) == 7 * 24h);
}
