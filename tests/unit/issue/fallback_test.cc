#include "issue/fallback.h"

#include "acme/issuer.h"
#include "acme/problem.h"
#include "acme/transport.h"
#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::issue;
using Kind = acme::TransportError::Kind;

namespace {
acme::Problem problem(const std::string& type, int status) {
  return acme::Problem({.type = "urn:ietf:params:acme:error:" + type, .status = status}, std::nullopt);
}
}  // namespace

TEST_CASE("another CA helps when one is down or refuses, not when a name or this host is to blame") {
  for (const Kind kind : {Kind::unreachable, Kind::not_trusted, Kind::timeout, Kind::broken})
    CHECK(classify(acme::TransportError(kind, "m")) == CaFailure::outage);
  CHECK(classify(problem("serverInternal", 500)) == CaFailure::outage);
  CHECK(classify(problem("rateLimited", 429)) == CaFailure::busy);
  CHECK(classify(problem("rateLimited", 503)) == CaFailure::busy);
  CHECK(classify(Error("not usable", "", "bad_certificate")) == CaFailure::refusal);
  CHECK(classify(problem("rejectedIdentifier", 400)) == CaFailure::refusal);
  CHECK(classify(acme::IssueFailure("m", "h", {})) == CaFailure::none);
  CHECK(classify(Error("cannot listen")) == CaFailure::none);
}

TEST_CASE("who waits is helped at once; else an outage has to last, and a refusal longer") {
  CHECK(may_fall_back(CaFailure::outage, true, 0));
  CHECK_FALSE(may_fall_back(CaFailure::outage, false, 0));
  CHECK(may_fall_back(CaFailure::outage, false, 1));
  CHECK(may_fall_back(CaFailure::busy, true, 0));
  CHECK_FALSE(may_fall_back(CaFailure::busy, false, 0));
  CHECK(may_fall_back(CaFailure::busy, false, 1));
  CHECK_FALSE(may_fall_back(CaFailure::refusal, true, 1));
  CHECK(may_fall_back(CaFailure::refusal, true, 2));
  CHECK_FALSE(may_fall_back(CaFailure::none, true, 100));
}

TEST_CASE("a CA that wants to be left alone does not speak for the others") {
  const SystemTime now = *parse_time("2026-11-23T12:00:00Z");
  const auto later = [&](int hours) { return now + std::chrono::hours(hours); };
  config::CaConfig first;
  first.directory_url = "https://first.test/dir";
  CHECK(pause_of_all(first, {}, now) == std::nullopt);
  CHECK(pause_of_all(first, {{"https://other.test/dir", later(1)}}, now) == std::nullopt);
  CHECK(pause_of_all(first, {{first.directory_url, later(2)}}, now) == later(2));
  CHECK(pause_of_all(first, {{first.directory_url, now}}, now) == std::nullopt);
  config::CaConfig second;
  second.directory_url = "https://second.test/dir";
  first.fallback = {second};
  CHECK(pause_of_all(first, {{first.directory_url, later(2)}}, now) == std::nullopt);
  CHECK(pause_of_all(first, {{second.directory_url, later(2)}}, now) == std::nullopt);
  CHECK(pause_of_all(first, {{first.directory_url, later(2)}, {second.directory_url, later(1)}}, now) == later(1));
}
