#include "issue/renewal.h"

#include "base/error.h"
#include "catch.h"
#include "config/toml_section.h"

using namespace mxcert;
using namespace mxcert::issue;
using namespace std::chrono_literals;

namespace {

const SystemTime noon = *parse_time("2026-11-23T12:00:00Z");

pki::Certificate living(std::chrono::seconds lifetime) {
  pki::Certificate leaf;
  leaf.not_before = noon;
  leaf.not_after = noon + lifetime;
  leaf.renewal_id = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
  leaf.sha256_fingerprint = "80000000" + std::string(56, '0');
  return leaf;
}

store::RenewalInfo window(std::chrono::seconds begin, std::chrono::seconds end) {
  return {.certificate = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
          .window = store::RenewalWindow{.start = noon + begin, .end = noon + end, .explanation_url = ""},
          .asked_at = noon,
          .next_question = noon + 6h};
}

DueTime due(const pki::Certificate& leaf, const store::RenewalInfo& info) {
  return due_time(leaf, &info, {});
}

config::RenewConfig before(const std::string& text) {
  config::RenewConfig renew;
  set_renew_before(renew, {text, "here"});
  return renew;
}

}  // namespace

TEST_CASE("without a word from the CA a third of the lifetime is left at renewal, or half when it is under ten days") {
  const auto left = [](std::chrono::seconds lifetime) {
    const pki::Certificate leaf = living(lifetime);
    return leaf.not_after - due_time(leaf, nullptr, {}).at;
  };
  CHECK(left(90 * 24h) == 30 * 24h);
  CHECK(left(365 * 24h) == 365 * 8h);
  CHECK(left(47 * 24h) == 47 * 8h);
  CHECK(left(10 * 24h) == 80h);
  CHECK(left(160h) == 80h);
}

TEST_CASE("the administrator says how much is left at renewal, as a fraction or a duration") {
  CHECK(before("1/2").time_before_end(90 * 24h) == 45 * 24h);
  CHECK(before("1/3").time_before_end(6 * 24h) == 48h);
  CHECK(before("20d").time_before_end(90 * 24h) == 20 * 24h);
  CHECK(before("36h").time_before_end(160h) == 36h);
}

TEST_CASE("between a tenth and two thirds of the lifetime are left at renewal, whatever is configured") {
  CHECK(before("30d").time_before_end(6 * 24h) == 4 * 24h);
  CHECK(before("1h").time_before_end(90 * 24h) == 9 * 24h);
  CHECK(before("99/100").time_before_end(90 * 24h) == 60 * 24h);
  CHECK(before("1/100").time_before_end(90 * 24h) == 9 * 24h);
}

TEST_CASE("a time before the end that is none is refused") {
  const std::string text = GENERATE("", "1", "d", "0d", "-1d", "1/0", "0/3", "3/3", "4/3", "1/3/5", "1/x", "30 d",
                                    "401d", "99999999999999999999d", "1.5d", "101/200", "30m");
  CAPTURE(text);
  CHECK_THROWS_AS(before(text), ConfigError);
}

TEST_CASE("the point of the CA's window is the same each time, and spread over the window by the fingerprint") {
  const store::RenewalWindow ten_hours = *window(0h, 10h).window;
  const auto point = [&](const std::string& head) {
    return point_in_window(ten_hours, head + std::string(56, 'f')) - noon;
  };
  CHECK(point("00000000") == 0h);
  CHECK(point("40000000") == 2h + 30min);
  CHECK(point("80000000") == 5h);
  CHECK(point("ffffffff") == 10h - 1s);
  CHECK(point_in_window(ten_hours, "") == noon);
}

TEST_CASE("the CA's window decides, earlier or later than we would renew") {
  const pki::Certificate leaf = living(90 * 24h);
  const DueTime early = due(leaf, window(24h, 48h));
  CHECK(early.at == noon + 36h);
  CHECK(early.reason == DueTime::Reason::renewal_window);
  CHECK(due(leaf, window(70 * 24h, 72 * 24h)).at == noon + 71 * 24h);
  CHECK(due(leaf, window(-48h, -24h)).at < noon);
}

TEST_CASE("a window near or after the end does not make us miss the end") {
  const pki::Certificate leaf = living(90 * 24h);
  for (const auto& late : {window(85 * 24h, 89 * 24h), window(1000 * 24h, 2000 * 24h)}) {
    CHECK(due(leaf, late).at == noon + 81 * 24h);
    CHECK(due(leaf, late).reason == DueTime::Reason::last_moment);
  }
}

TEST_CASE("what the CA said of another version of the certificate does not count") {
  pki::Certificate leaf = living(90 * 24h);
  leaf.renewal_id = "another";
  CHECK(due(leaf, window(24h, 48h)).reason == DueTime::Reason::lifetime);
  leaf.renewal_id = "";
  store::RenewalInfo nameless = window(24h, 48h);
  nameless.certificate = "";
  CHECK(due(leaf, nameless).reason == DueTime::Reason::lifetime);
  CHECK(find_window(leaf, &nameless) == nullptr);
}

TEST_CASE("of a version with two certificates the one that is due first counts, each by what the CA said of it") {
  store::Version version{.number = "0001", .bundle = {}, .leaf = living(90 * 24h), .record = {}};
  version.further.push_back({.leaf = living(60 * 24h)});
  version.further.front().leaf.renewal_id = "rsa";
  store::CertificateState state;
  CHECK(due_time(state, version, {}).at == noon + 40 * 24h);
  CHECK(end_of(version) == noon + 60 * 24h);
  CHECK(last_moment(version) == noon + 54 * 24h);
  state.renewal_info = {window(24h, 48h)};
  CHECK(due_time(state, version, {}).at == noon + 36h);
  CHECK(due_time(state, version.further.front().leaf, {}).at == noon + 40 * 24h);
  state.renewal_info.front().certificate = "rsa";
  CHECK(due_time(state, version, {}).at == noon + 36h);
  CHECK(due_time(state, version.leaf, {}).at == noon + 60 * 24h);
}
