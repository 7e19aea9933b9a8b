#include "acme/headers.h"

#include "acme/transport.h"
#include "catch.h"

using namespace mxcert;
using namespace std::chrono_literals;
using std::chrono::seconds;

namespace {
constexpr SystemTime now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};
std::optional<seconds> wait_for(const std::string& value, const std::string& date = {}) {
  return acme::retry_after({.retry_after = value, .date = date}, now);
}
}  // namespace

TEST_CASE("an HTTP date is understood in the one form that may be sent") {
  using namespace std::chrono;
  CHECK(acme::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") ==
        SystemTime(sys_days{year{1994} / 11 / 6} + 8h + 49min + 37s));
  for (const char* bad :
       {"", "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 -1:49:37 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT"}) {
    INFO(bad);
    CHECK_FALSE(acme::parse_http_date(bad));
  }
}

TEST_CASE("Retry-After is seconds or a date, which counts from the CA's own clock") {
  CHECK(wait_for("5") == 5s);
  CHECK(wait_for(" 0 ") == 0s);
  CHECK(wait_for("Mon, 23 Nov 2026 00:00:10 GMT") == 10s);
  CHECK(wait_for("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:30 GMT") == 7s);
  CHECK(wait_for("Sun, 06 Nov 1994 08:49:37 GMT") == 0s);  // long ago
}

TEST_CASE("a Retry-After that makes no sense is none, one that is endless has an end") {
  CHECK_FALSE(wait_for(""));
  CHECK_FALSE(wait_for("soon"));
  CHECK_FALSE(wait_for("-5"));
  CHECK_FALSE(wait_for("1.5"));
  CHECK(wait_for("99999999999999999999999999") == seconds(std::chrono::days(400)));
  CHECK(wait_for("Mon, 23 Nov 9999 00:00:10 GMT") == seconds(std::chrono::days(400)));
}

TEST_CASE("links are found by relation, several to a header, quoted or not") {
  const acme::Response response{.links = {"<https://ca.test/dir>;rel=\"index\"",
                                          "<https://ca.test/1>; rel=\"alternate\" , <https://ca.test/2>;rel=alternate",
                                          "<https://ca.test/3>; title=\"a, b\"; rel=\"next alternate\""}};
  CHECK(acme::find_links(response, "alternate") ==
        std::vector<std::string>{"https://ca.test/1", "https://ca.test/2", "https://ca.test/3"});
  CHECK(acme::find_links(response, "index") == std::vector<std::string>{"https://ca.test/dir"});
}

TEST_CASE("links that lead elsewhere than to https, and broken ones, are none") {
  const acme::Response response{.links = {"<http://ca.test/1>;rel=\"alternate\"", "<https://ca.test/2;rel=alternate",
                                          "https://ca.test/3;rel=alternate", "<https://ca.test/4>", "<", "", ";;,,<>"}};
  CHECK(acme::find_links(response, "alternate").empty());
}

TEST_CASE("only absolute https URLs without anything odd in them are followed") {
  CHECK(acme::is_https_url("https://ca.test/x?y=z#f"));
  CHECK(acme::is_https_url("https://[2001:db8::1]:14000/dir"));
  for (const std::string bad :
       {"", "http://ca.test/", "HTTPS://ca.test/", "https://", "https:///x", "https://:443/x", "https://user@ca.test/",
        "https://ca.test/\r\nX: y", "https://ca.test/ x", "https://ca.test/\x1b[2J", "https://ca.test/\"",
        "https://c\xc3\xa4.test/", "file:///etc/passwd", "/dir"}) {
    INFO(bad);
    CHECK_FALSE(acme::is_https_url(bad));
  }
  CHECK_FALSE(acme::is_https_url("https://ca.test/" + std::string(3000, 'a')));
}
