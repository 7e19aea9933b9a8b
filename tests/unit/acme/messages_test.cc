#include "acme/messages.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using nlohmann::json;

namespace {

json directory_json() {
  return {{"newNonce", "https://ca.test/n"}, {"newAccount", "https://ca.test/a"}, {"newOrder", "https://ca.test/o"}};
}
json order_json() {
  return {{"status", "pending"},
          {"identifiers", {{{"type", "dns"}, {"value", "MX.example.com"}}}},
          {"authorizations", {"https://ca.test/authz/1"}},
          {"finalize", "https://ca.test/finalize/1"}};
}
json challenge_json(const std::string& type) {
  return {{"type", type}, {"url", "https://ca.test/c/1"}, {"status", "pending"}, {"token", "tok-en_1"}};
}
json authorization_json() {
  return {{"status", "pending"},
          {"identifier", {{"type", "dns"}, {"value", "mx.example.com"}}},
          {"challenges", {challenge_json("http-01")}}};
}
template <typename Value>
json with(json document, const char* name, Value value) {
  document[name] = value;
  return document;
}

}  // namespace

TEST_CASE("a directory needs three resources, and knows the rest where it is offered") {
  json document = directory_json();
  CHECK_FALSE(acme::parse_directory(document.dump()).renewal_info);
  document["renewalInfo"] = "https://ca.test/ari";
  document["something-new"] = {1, 2, 3};
  document["meta"] = {{"termsOfService", "https://ca.test/tos"},
                      {"externalAccountRequired", true},
                      {"website", nullptr},
                      {"caaIdentities", {"ca.test"}},
                      {"profiles", {{"short", "six days"}, {"long", 7}}}};
  const auto directory = acme::parse_directory(document.dump());
  CHECK(directory.new_order == "https://ca.test/o");
  CHECK(directory.renewal_info == "https://ca.test/ari");
  CHECK(directory.terms_of_service == "https://ca.test/tos");
  CHECK_FALSE(directory.website);
  CHECK(directory.external_account_required);
  REQUIRE(directory.profiles.size() == 2);
  CHECK(directory.profiles[1].name == "short");
  CHECK(directory.profiles[1].description == "six days");
}

TEST_CASE("what a directory lacks or has wrong is named") {
  const auto wrong = [](const char* name, const json& value) { return with(directory_json(), name, value).dump(); };
  CHECK_THROWS_WITH(acme::parse_directory("{}"), ContainsSubstring("newNonce is missing"));
  CHECK_THROWS_WITH(acme::parse_directory("[]"), ContainsSubstring("not an object"));
  CHECK_THROWS_WITH(acme::parse_directory(""), ContainsSubstring("not JSON"));
  CHECK_THROWS_WITH(acme::parse_directory(wrong("newOrder", 5)), ContainsSubstring("newOrder is not a string"));
  CHECK_THROWS_WITH(acme::parse_directory(wrong("newOrder", "http://ca.test/o")),
                    ContainsSubstring("newOrder is not an https URL"));
  CHECK_THROWS_WITH(acme::parse_directory(wrong("meta", "x")), ContainsSubstring("meta"));
  CHECK_THROWS_WITH(acme::parse_directory(wrong("meta", json{{"externalAccountRequired", "yes"}})),
                    ContainsSubstring("externalAccountRequired"));
}

TEST_CASE("an order is read with what it may lack and what nobody knows") {
  json document = order_json();
  CHECK(acme::parse_order(document.dump()).identifiers[0].value == "mx.example.com");
  document["expires"] = "2026-11-30T00:00:00Z";
  document["error"] = nullptr;
  document["certificate"] = "https://ca.test/cert/1";
  document["quantum"] = true;
  document["status"] = "valid";
  const auto order = acme::parse_order(document.dump());
  CHECK(order.status == acme::Order::Status::valid);
  CHECK(order.expires);
  CHECK(order.certificate == "https://ca.test/cert/1");
  CHECK_FALSE(order.error);
}

TEST_CASE("what an order has wrong is named") {
  const auto wrong = [](const char* name, const json& value) { return with(order_json(), name, value).dump(); };
  CHECK_THROWS_WITH(acme::parse_order(wrong("status", "frobnicated\x1b")),
                    ContainsSubstring("status is \"frobnicated\\x1b\""));
  CHECK_THROWS_WITH(acme::parse_order(wrong("status", 7)), ContainsSubstring("status"));
  CHECK_THROWS_WITH(acme::parse_order(wrong("authorizations", "x")),
                    ContainsSubstring("authorizations is not an array"));
  CHECK_THROWS_WITH(acme::parse_order(wrong("authorizations", {"http://ca.test/"})),
                    ContainsSubstring("authorizations has an entry"));
  CHECK_THROWS_WITH(acme::parse_order(wrong("authorizations", std::vector<int>(1001, 1))),
                    ContainsSubstring("1001 entries"));
  CHECK_THROWS_WITH(acme::parse_order(wrong("finalize", "file:///etc/passwd")),
                    ContainsSubstring("finalize is not an https URL"));
  CHECK_THROWS_WITH(acme::parse_order(wrong("certificate", "http://ca.test/c")),
                    ContainsSubstring("certificate is not an https URL"));
  CHECK_THROWS_WITH(acme::parse_order(wrong("expires", "tomorrow")), ContainsSubstring("expires is not a time"));
  CHECK_THROWS_WITH(acme::parse_order(wrong("error", "x")), ContainsSubstring("error is not an object"));
  CHECK_THROWS_WITH(acme::parse_order(wrong("identifiers", {1})), ContainsSubstring("identifier"));
}

TEST_CASE("JSON that is cut short is refused wherever it is cut") {
  const std::string whole = order_json().dump();
  for (std::size_t length = 0; length < whole.size(); ++length)
    CHECK_THROWS_AS(acme::parse_order(whole.substr(0, length)), Error);
}

TEST_CASE("JSON that is nested deeper than ACME ever is is refused, wherever that is") {
  const std::string arrays = std::string(100'000, '[') + std::string(100'000, ']');
  const auto with = [&](json document, const std::string& member) {
    document[member] = "HERE";
    std::string text = document.dump();
    return text.replace(text.find("\"HERE\""), 6, arrays);
  };
  CHECK_THROWS_WITH(acme::parse_order(arrays), ContainsSubstring("nested"));
  CHECK_THROWS_WITH(acme::parse_order(with(order_json(), "authorizations")), ContainsSubstring("nested"));
  CHECK_THROWS_WITH(acme::parse_order(with(order_json(), "unknown")), ContainsSubstring("nested"));
  CHECK_THROWS_WITH(acme::parse_authorization(with(authorization_json(), "challenges")), ContainsSubstring("nested"));
  CHECK_THROWS_WITH(acme::parse_account(with({{"status", "valid"}}, "contact")), ContainsSubstring("nested"));
  CHECK(acme::parse_problem(with({{"detail", "x"}}, "subproblems"), 403).detail == "HTTP status 403 without a reason");
}

TEST_CASE("challenges of unknown types and without what their type needs are left out") {
  json document = authorization_json();
  document["challenges"].push_back({{"type", "dns-persist-01"},
                                    {"url", "https://ca.test/c/2"},
                                    {"status", "pending"},
                                    {"issuer-domain-names", {"ca.test"}}});
  document["challenges"].push_back({{"type", "carrier-pigeon-01"}, {"bird", 1}});
  document["challenges"].push_back({{"type", "dns-01"}, {"url", "https://ca.test/c/3"}, {"status", "pending"}});
  const auto authorization = acme::parse_authorization(document.dump());
  REQUIRE(authorization.challenges.size() == 2);
  CHECK(authorization.find_challenge("http-01")->token == "tok-en_1");
  REQUIRE(authorization.find_challenge("dns-persist-01") != nullptr);
  CHECK(authorization.find_challenge("dns-persist-01")->url == "https://ca.test/c/2");
  CHECK(authorization.find_challenge("dns-persist-01")->token.empty());
  CHECK(authorization.find_challenge("dns-01") == nullptr);
  CHECK(authorization.ignored_challenge_types == std::vector<std::string>{"carrier-pigeon-01", "dns-01"});
}

TEST_CASE("a token that is not base64url is refused before it can be a path or a header") {
  for (const std::string token : {"", "../../etc/passwd", "a/b", "a b", "a\r\nSet-Cookie: x", "tok=", "tök"}) {
    INFO(token);
    json document = authorization_json();
    document["challenges"][0]["token"] = token;
    CHECK_THROWS_WITH(acme::parse_authorization(document.dump()), ContainsSubstring("token"));
  }
  json document = authorization_json();
  document["challenges"][0]["token"] = std::string(513, 'a');
  CHECK_THROWS_WITH(acme::parse_authorization(document.dump()), ContainsSubstring("token"));
  document["challenges"][0]["token"] = std::string(512, 'a');
  CHECK_NOTHROW(acme::parse_authorization(document.dump()));
}

TEST_CASE("what an authorization has wrong is named") {
  const auto wrong = [](const char* name, const json& value) { return with(authorization_json(), name, value).dump(); };
  CHECK_THROWS_WITH(acme::parse_authorization(wrong("identifier", nullptr)),
                    ContainsSubstring("identifier is missing"));
  CHECK_THROWS_WITH(acme::parse_authorization(wrong("identifier", json{{"type", "dns"}})),
                    ContainsSubstring("value is missing"));
  CHECK_THROWS_WITH(acme::parse_authorization(wrong("wildcard", "no")), ContainsSubstring("wildcard"));
  CHECK_THROWS_WITH(acme::parse_authorization(wrong("challenges", {1})), ContainsSubstring("challenge"));
  CHECK_THROWS_WITH(acme::parse_authorization(
                        wrong("challenges", json::array({with(challenge_json("http-01"), "url", "http://ca.test/")}))),
                    ContainsSubstring("url is not an https URL"));
  CHECK_THROWS_WITH(
      acme::parse_authorization(wrong("challenges", json::array({with(challenge_json("http-01"), "token", 5)}))),
      ContainsSubstring("token is not a string"));
}

TEST_CASE("an authorization for a wildcard has the name that was ordered") {
  json document = authorization_json();
  document["wildcard"] = true;
  CHECK(acme::parse_authorization(document.dump()).name() == "*.mx.example.com");
}

TEST_CASE("a problem is told whatever its document looks like") {
  const auto problem = acme::parse_problem(
      R"({"type":"urn:ietf:params:acme:error:caa","detail":"no\u001b[2Jway","status":"x","subproblems":[
          {"type":"t","detail":"d","identifier":{"type":"dns","value":"A.example"}},5,{"identifier":3}]})",
      403);
  CHECK(problem.is("caa"));
  CHECK(problem.detail == "no\\x1b[2Jway");
  CHECK(problem.status == 403);
  REQUIRE(problem.subproblems.size() == 2);
  CHECK(problem.subproblems[0].identifier->value == "a.example");
  CHECK_FALSE(problem.subproblems[1].identifier);
  for (const char* text : {"", "<html>", "[]", "5", R"({"type":5,"detail":[],"subproblems":{}})"})
    CHECK(acme::parse_problem(text, 502).detail == "HTTP status 502 without a reason");
  CHECK(acme::parse_problem(json{{"detail", std::string(100'000, 'x')}}.dump(), 400).detail.size() < 1100);
}

TEST_CASE("what is sent is what RFC 8555 shows") {
  CHECK(json::parse(acme::to_json(
            acme::NewAccount{.contacts = {"a+b@example.com", "50%@example.com"}, .terms_agreed = true})) ==
        json{{"contact", {"mailto:a+b@example.com", "mailto:50%25@example.com"}}, {"termsOfServiceAgreed", true}});
  CHECK(json::parse(acme::to_json(acme::NewOrder{.names = {"mx.example.com"}})) ==
        json{{"identifiers", {{{"type", "dns"}, {"value", "mx.example.com"}}}}});
  CHECK(json::parse(
            acme::to_json(acme::NewOrder{.names = {"a.example"}, .profile = "p", .replaces = "r"}))["profile"] == "p");
  CHECK(acme::finalize_json("\x01\xff") == R"({"csr":"Af8"})");
}

TEST_CASE("a window of renewal that is none is refused, a page that is not https is left out") {
  const std::string bad =
      GENERATE(R"({})", R"({"suggestedWindow":{}})", R"({"suggestedWindow":[]})",
               R"({"suggestedWindow":{"start":"2026-12-01T00:00:00Z"}})",
               R"({"suggestedWindow":{"start":"2026-12-01T00:00:00Z","end":"2026-12-01T00:00:00Z"}})",
               R"({"suggestedWindow":{"start":"2026-12-02T00:00:00Z","end":"2026-12-01T00:00:00Z"}})",
               R"({"suggestedWindow":{"start":"soon","end":"2026-12-01T00:00:00Z"}})");
  CAPTURE(bad);
  CHECK_THROWS_AS(acme::parse_renewal_info(bad), Error);
  const std::string window =
      R"({"suggestedWindow":{"start":"2026-12-01T00:00:00.5+01:00","end":"2026-12-01T00:00:00Z"},)";
  CHECK(acme::parse_renewal_info(window + R"("explanationURL":"https://ca.test/why"})").explanation_url ==
        "https://ca.test/why");
  for (const char* page : {"\"http://ca.test/why\"", "\"https://ca.test/\\u001b[2J\"", "7", "null"})
    CHECK(acme::parse_renewal_info(window + R"("explanationURL":)" + page + "}").explanation_url.empty());
}
