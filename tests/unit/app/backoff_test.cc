#include "app/backoff.h"

#include "catch.h"

using namespace mxcert;
using namespace std::chrono_literals;

TEST_CASE("after each failure in a row renew waits twice as long, at most a day") {
  const SystemTime at = *parse_time("2026-11-23T12:00:00Z");
  const auto wait_after = [&](int count) {
    return app::next_attempt({.count = count, .at = at, .message = "", .hint = ""}) - at;
  };
  CHECK(wait_after(1) == 5min);
  CHECK(wait_after(2) == 10min);
  CHECK(wait_after(5) == 80min);
  CHECK(wait_after(9) == 1280min);
  CHECK(wait_after(10) == 24h);
  CHECK(wait_after(1'000'000) == 24h);
  CHECK(wait_after(-5) == 5min);  // a state file that somebody edited
}
