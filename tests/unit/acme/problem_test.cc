#include "acme/problem.h"

#include "catch.h"

using namespace mxcert;

namespace {
acme::ProblemDocument document(const std::string& type) {
  return {.type = "urn:ietf:params:acme:error:" + type, .detail = "because", .status = 403};
}
}  // namespace

TEST_CASE("a refusal says what the CA said, and what to do") {
  const acme::Problem problem(document("caa"));
  CHECK(problem.message() == "rejected by the CA: because (urn:ietf:params:acme:error:caa)");
  CHECK_THAT(problem.hint(), ContainsSubstring("CAA"));
  CHECK(problem.code() == "acme_caa");
  CHECK(problem.is("caa"));
  CHECK_FALSE(problem.is("ca"));
}

TEST_CASE("subproblems name the names") {
  auto refused = document("rejectedIdentifier");
  refused.subproblems = {{.type = "t1", .detail = "no such zone", .identifier = acme::Identifier{"dns", "a.example"}},
                         {.type = "t2", .detail = "blocked"}};
  CHECK_THAT(acme::Problem(refused).message(),
             ContainsSubstring("; a.example: no such zone (t1); no name: blocked (t2)"));
  refused.subproblems.assign(1000, refused.subproblems[0]);
  CHECK_THAT(acme::Problem(refused).message(), ContainsSubstring("; and 990 more"));
}

TEST_CASE("a rate limit says when to come back") {
  CHECK_THAT(acme::Problem(document("rateLimited"), std::chrono::hours{5}).hint(), ContainsSubstring("5 hours"));
  CHECK_THAT(acme::Problem(document("rateLimited")).hint(), ContainsSubstring("later"));
}

TEST_CASE("the CA's own types do not become codes") {
  CHECK(acme::Problem({.type = "urn:evil\n", .detail = "x"}).code() == "acme_problem");
  CHECK(acme::Problem({}).message() == "rejected by the CA: no reason given");
}

TEST_CASE("a user action is shown with the page to open") {
  auto action = document("userActionRequired");
  action.instance = "https://ca.test/tos";
  CHECK_THAT(acme::Problem(action).hint(), ContainsSubstring("https://ca.test/tos"));
}

TEST_CASE("an account that may not and a server that answers wrongly are the same type with different hints") {
  CHECK_THAT(acme::hint_for_request(document("unauthorized")), ContainsSubstring("account"));
  CHECK_THAT(acme::hint_for_validation(document("unauthorized")), ContainsSubstring("IPv6"));
}

TEST_CASE("there always is something to do, also when the CA gives no reason") {
  CHECK_THAT(acme::hint_for_request({.status = 502}), ContainsSubstring("later"));
  CHECK_THAT(acme::hint_for_request({.status = 308}), ContainsSubstring("[ca] directory"));
  for (const int status : {0, 201, 404, 999}) {
    CHECK_FALSE(acme::hint_for_request({.status = status}).empty());
    CHECK_FALSE(acme::hint_for_validation({.status = status}).empty());
  }
}
