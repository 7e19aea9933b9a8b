#include "issue/issuance_limits.h"

#include "catch.h"

using namespace mxcert;
using namespace mxcert::issue;
using namespace std::chrono_literals;

namespace {

constexpr SystemTime now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};
const std::string ca = "https://ca.example/dir";
const std::vector<std::string> names{"mx.example.com", "mx2.example.com"};

/// So many hours ago each, oldest first.
std::vector<store::Issuance> issued(std::initializer_list<int> hours_ago) {
  std::vector<store::Issuance> issuances;
  for (const int hours : hours_ago)
    issuances.push_back({.at = now - std::chrono::hours{hours},
                         .certificate = "mx.example.com",
                         .directory = ca,
                         .names = {"mx2.example.com", "mx.example.com"},
                         .not_after = now + 1000h,
                         .is_replacement = true});
  return issuances;
}

}  // namespace

TEST_CASE("the same names may be had five times in seven days, in whatever order they are") {
  CHECK_FALSE(next_with_same_names(issued({5, 4, 3, 2}), ca, names, now));
  CHECK(next_with_same_names(issued({5, 4, 3, 2, 1}), ca, names, now) == now - 5h + 168h);
  CHECK(next_with_same_names(issued({7, 6, 5, 4, 3, 2, 1}), ca, names, now) == now - 5h + 168h);
  CHECK_FALSE(next_with_same_names(issued({168, 4, 3, 2, 1}), ca, names, now));
}

TEST_CASE("other names, other CAs and certificates that have expired do not count") {
  const auto five = issued({5, 4, 3, 2, 1});
  CHECK_FALSE(next_with_same_names(five, ca, {"mx.example.com"}, now));
  CHECK_FALSE(next_with_same_names(five, "https://other.example/dir", names, now));
  auto expired = five;
  expired.front().not_after = now;
  CHECK_FALSE(next_with_same_names(expired, ca, names, now));
}

TEST_CASE("what is in the future, since the clock was ahead, does not count") {
  CHECK_FALSE(next_with_same_names(issued({4, 3, 2, 1, -1}), ca, names, now));
}

TEST_CASE("a certificate is replaced three times a day at most") {
  CHECK_FALSE(next_replacement(issued({2, 1}), "mx.example.com", now));
  CHECK(next_replacement(issued({3, 2, 1}), "mx.example.com", now) == now - 3h + 24h);
  CHECK_FALSE(next_replacement(issued({24, 2, 1}), "mx.example.com", now));
  CHECK_FALSE(next_replacement(issued({3, 2, 1}), "other.example.com", now));
  auto renewals = issued({3, 2, 1});
  renewals.front().is_replacement = false;
  CHECK_FALSE(next_replacement(renewals, "mx.example.com", now));
}

TEST_CASE("certificates are counted once for each last two labels of their names") {
  auto some = issued({3, 2, 1});
  some.front().names = {"mx.example.net", "example.com", "com"};
  const auto counts = count_by_domain(some, {"new.example.com", "mx.example.net", "mx.example.org"});
  CHECK(counts == std::map<std::string, std::size_t>{{"example.com", 3}, {"example.net", 1}, {"example.org", 0}});
}
