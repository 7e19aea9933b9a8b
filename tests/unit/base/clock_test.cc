#include "base/clock.h"

#include "catch.h"

using namespace mxcert;
using namespace std::chrono_literals;

TEST_CASE("times are written and read as RFC 3339") {
  const auto time = parse_time("2026-11-23T15:54:07Z");
  REQUIRE(time);
  CHECK(format_time(*time) == "2026-11-23T15:54:07Z");
  CHECK(parse_time("2026-11-23T16:54:07.25+01:00") == time);
  CHECK(parse_time("2026-11-23t15:54:07z") == time);
}

TEST_CASE("what is no time is refused") {
  const auto text = GENERATE("", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z",
                             "2026-11-23T15:54:07", "2026-11-23T15:54:07Zx", "2026-11-23T15:54:07.Z",
                             "-026-11-23T15:54:07Z", "2026-11-23T15:54:07+1:00");
  CAPTURE(text);
  CHECK_FALSE(parse_time(text));
}

TEST_CASE("times that a clock cannot hold are the earliest and the latest that it can") {
  REQUIRE(parse_time("9999-12-31T23:59:59Z"));
  CHECK(format_time(*parse_time("9999-12-31T23:59:59Z")) == "2262-01-01T00:00:00Z");
  CHECK(format_time(*parse_time("0001-01-01T00:00:00Z")) == "1678-01-01T00:00:00Z");
  CHECK(format_time(*parse_time("2261-12-31T23:59:59Z")) == "2261-12-31T23:59:59Z");
}

TEST_CASE("durations are told in their largest unit") {
  CHECK(format_duration(std::chrono::hours{89 * 24 + 5}) == "89 days");
  CHECK(format_duration(30h) == "30 hours");
  CHECK(format_duration(90s) == "90 seconds");
  CHECK(format_duration(1s) == "1 second");
}
