#include "acme/issuer.h"

#include "catch.h"
#include "fake_transport.h"

using namespace mxcert;
using namespace std::chrono_literals;
using nlohmann::json;
using test::answer;
using test::created;
using test::FakeCa;
using test::FakeClock;
using test::problem;
using test::with_retry_after;

namespace {

const std::string certificate = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

json order_json(const std::string& status, const std::vector<std::string>& names = {"mx.example.com"}) {
  json order{{"status", status},
             {"finalize", "https://ca.test/finalize"},
             {"identifiers", json::array()},
             {"authorizations", json::array()}};
  for (std::size_t i = 0; i < names.size(); ++i) {
    order["identifiers"].push_back({{"type", "dns"}, {"value", names[i]}});
    order["authorizations"].push_back("https://ca.test/authz/" + std::to_string(i));
  }
  if (status == "valid") order["certificate"] = "https://ca.test/cert";
  return order;
}

json authorization_json(const std::string& name, const std::string& status, const std::string& challenge_status,
                        const std::string& id) {
  json challenge{{"type", "http-01"},
                 {"url", "https://ca.test/challenge/" + id},
                 {"token", "token" + id},
                 {"status", challenge_status}};
  if (challenge_status == "invalid")
    challenge["error"] = {{"type", "urn:ietf:params:acme:error:connection"}, {"detail", "no answer from " + name}};
  return {{"status", status}, {"identifier", {{"type", "dns"}, {"value", name}}}, {"challenges", {challenge}}};
}

/// One issuance against a table.
struct Scene {
  FakeCa ca;
  FakeClock clock;
  acme::Client client{ca, clock, test::make_signer(), FakeCa::url("/dir")};
  std::vector<acme::ChallengeToSolve> presented;
  int cleaned_up = 0;
  int waits = 0;
  bool ca_looks = true;
  std::vector<std::string> orders;
  acme::Solver solver{
      .challenge_type = [](const std::string&) { return "http-01"; },
      .present = [this](std::span<const acme::ChallengeToSolve> all) { presented.assign(all.begin(), all.end()); },
      .wait_until_validated =
          [this](std::chrono::milliseconds timeout) {
            ++waits;
            if (!ca_looks) clock.sleep_for(timeout);
            return ca_looks;
          },
      .clean_up = [this] { ++cleaned_up; }};
  acme::IssueRequest request{.names = {"mx.example.com"},
                             .csr_der = "csr",
                             .on_order = [this](const std::string& url) { orders.push_back(url); },
                             .deadline = Deadline::after(clock, 10min)};

  Scene() {
    ca.clock = &clock;
    client.use_account(FakeCa::url("/account/1"));
    ca.on("/cert", answer(200, certificate));
  }
  /// The states that the order shows, the first one as answer to newOrder.
  void order_goes(const std::vector<std::string>& states) {
    ca.on("/new-order", created(FakeCa::url("/order/1"), order_json(states[0], request.names).dump()));
    for (std::size_t i = 1; i < states.size(); ++i)
      ca.on("/order/1", answer(200, order_json(states[i], request.names).dump()));
  }
  void authorizations_are(const std::string& status, const std::string& challenge_status = "pending") {
    for (std::size_t i = 0; i < request.names.size(); ++i) {
      const std::string id = std::to_string(i);
      ca.replace("/authz/" + id,
                 answer(200, authorization_json(request.names[i], status, challenge_status, id).dump()));
      ca.replace("/challenge/" + id, answer(200, "{}"));
    }
  }
  void finalize_gives(const std::string& state) {
    ca.on("/finalize", answer(200, order_json(state, request.names).dump()));
  }
  acme::IssuedCertificate issue() { return acme::issue(client, clock, solver, request); }
};

template <typename Exception>
Exception thrown_by(Scene& scene) {
  try {
    scene.issue();
  } catch (const Exception& exception) {
    return exception;
  }
  throw std::runtime_error("nothing was thrown");
}

}  // namespace

TEST_CASE("a new order is written down, validated, finalized and downloaded, without a pause that nobody needs") {
  Scene scene;
  scene.order_goes({"pending", "ready"});
  scene.authorizations_are("pending");
  scene.finalize_gives("valid");
  std::vector<acme::Progress::Step> steps;
  scene.request.on_progress = [&](const acme::Progress& progress) { steps.push_back(progress.step); };
  const auto issued = scene.issue();
  CHECK(issued.chain.pem == certificate);
  CHECK(issued.order_url == FakeCa::url("/order/1"));
  CHECK(scene.orders == std::vector<std::string>{FakeCa::url("/order/1")});
  REQUIRE(scene.presented.size() == 1);
  CHECK(scene.presented[0].name == "mx.example.com");
  CHECK(scene.presented[0].key_authorization == acme::key_authorization("token0", scene.client.account_key()));
  CHECK(scene.cleaned_up == 1);
  CHECK(scene.clock.slept() == 0ms);
  CHECK(scene.ca.last("/finalize").payload == R"({"csr":"Y3Ny"})");
  using Step = acme::Progress::Step;
  CHECK(steps == std::vector<Step>{Step::ordered, Step::authorized, Step::validating, Step::validated, Step::finalizing,
                                   Step::issued});
}

TEST_CASE("all authorizations are fetched in one batch and all challenges triggered in one") {
  Scene scene;
  scene.request.names = {"mx1.example.com", "mx2.example.com", "mx3.example.com"};
  scene.order_goes({"pending", "ready"});
  scene.authorizations_are("pending");
  scene.finalize_gives("valid");
  scene.issue();
  CHECK(scene.ca.batches ==
        std::vector<std::size_t>{1, 1, 1 + 2, 3, 3, 1, 1, 1});  // the order with nonces for what follows, then these
  CHECK(scene.ca.count("/order/1") == 1);
  CHECK(scene.ca.count("/authz/0") == 1);
}

TEST_CASE("names that are authorized already are neither presented nor triggered") {
  Scene scene;
  scene.request.names = {"mx1.example.com", "mx2.example.com"};
  scene.order_goes({"pending", "ready"});
  scene.authorizations_are("pending");
  scene.ca.replace("/authz/0", answer(200, authorization_json("mx1.example.com", "valid", "valid", "0").dump()));
  scene.finalize_gives("valid");
  scene.issue();
  REQUIRE(scene.presented.size() == 1);
  CHECK(scene.presented[0].name == "mx2.example.com");
  CHECK(scene.ca.count("/challenge/0") == 0);
}

TEST_CASE("an order that is ready at once needs no solver") {
  Scene scene;
  scene.order_goes({"ready"});
  scene.finalize_gives("valid");
  scene.issue();
  CHECK(scene.presented.empty());
  CHECK(scene.cleaned_up == 0);
  CHECK(scene.ca.count("/authz/0") == 0);
}

TEST_CASE("an order of an earlier run continues in whatever state it is") {
  const std::string state = GENERATE("pending", "ready", "processing", "valid");
  INFO(state);
  Scene scene;
  scene.request.order_url = FakeCa::url("/order/9");
  scene.ca.on("/order/9", answer(200, order_json(state).dump()));
  if (state == "pending") scene.ca.on("/order/9", answer(200, order_json("ready").dump()));
  scene.ca.on("/order/9", answer(200, order_json("valid").dump()));
  scene.authorizations_are("pending");
  scene.finalize_gives("processing");
  CHECK(scene.issue().order_url == FakeCa::url("/order/9"));
  CHECK(scene.ca.count("/new-order") == 0);
  CHECK(scene.orders.empty());
  CHECK(scene.ca.count("/finalize") == (state == "pending" || state == "ready" ? 1 : 0));
}

TEST_CASE("an order of an earlier run that is of no use is replaced by a new one") {
  json expired = order_json("pending");
  expired["expires"] = "2026-11-22T00:00:00Z";
  const acme::Response old_order =
      GENERATE_COPY(answer(200, order_json("invalid").dump()), answer(200, expired.dump()), problem(404, "malformed"),
                    answer(200, order_json("pending", {"other.example.com"}).dump()),
                    answer(200, order_json("valid", {"mx.example.com", "other.example.com"}).dump()));
  INFO(old_order.body);
  Scene scene;
  scene.request.order_url = FakeCa::url("/order/9");
  scene.ca.on("/order/9", old_order);
  scene.order_goes({"ready"});
  scene.finalize_gives("valid");
  CHECK(scene.issue().order_url == FakeCa::url("/order/1"));
  CHECK(scene.orders == std::vector<std::string>{FakeCa::url("/order/1")});
}

TEST_CASE("an earlier order that cannot be looked at just now is not given up") {
  Scene scene;
  scene.request.order_url = FakeCa::url("/order/9");
  scene.ca.on("/order/9", answer(500));
  CHECK(thrown_by<acme::Problem>(scene).document().status == 500);
  CHECK(scene.ca.count("/new-order") == 0);
}

TEST_CASE("an order for other names than were asked for is refused") {
  Scene scene;
  scene.ca.on("/new-order", created(FakeCa::url("/order/1"), order_json("pending", {"bank.example"}).dump()));
  CHECK_THROWS_WITH(scene.issue(), ContainsSubstring("other names"));
  CHECK(scene.presented.empty());
}

TEST_CASE("an authorization for a name that was not ordered is refused before anything is shown") {
  Scene scene;
  scene.order_goes({"pending"});
  scene.ca.on("/authz/0", answer(200, authorization_json("bank.example", "pending", "pending", "0").dump()));
  CHECK_THROWS_WITH(scene.issue(), ContainsSubstring("bank.example shown, which is not one of the names ordered"));
  CHECK(scene.presented.empty());
}

TEST_CASE("a wildcard is matched by its authorization's flag") {
  Scene scene;
  scene.request.names = {"*.example.com"};
  scene.order_goes({"pending", "ready"});
  json authorization = authorization_json("example.com", "pending", "pending", "0");
  authorization["wildcard"] = true;
  scene.ca.on("/authz/0", answer(200, authorization.dump()));
  scene.ca.on("/challenge/0", answer(200, "{}"));
  scene.finalize_gives("valid");
  scene.issue();
  REQUIRE(scene.presented.size() == 1);
  CHECK(scene.presented[0].name == "example.com");
  CHECK(scene.presented[0].wildcard);
}

TEST_CASE("each name that failed is told with its reason, and what is still pending is given back") {
  Scene scene;
  scene.request.names = {"mx1.example.com", "mx2.example.com", "mx3.example.com", "mx4.example.com"};
  scene.order_goes({"pending", "invalid"});
  scene.authorizations_are("pending");
  // As they are at the second look, after the order failed.
  for (const auto& [id, status, challenge] : {std::tuple{"0", "invalid", "invalid"},
                                              {"1", "valid", "valid"},
                                              {"2", "pending", "pending"},
                                              {"3", "invalid", "invalid"}})
    scene.ca.on(std::string("/authz/") + id,
                answer(200, authorization_json(scene.request.names[static_cast<std::size_t>(id[0] - '0')], status,
                                               challenge, id)
                                .dump()));
  const auto failure = thrown_by<acme::IssueFailure>(scene);
  REQUIRE(failure.culprits().size() == 2);
  CHECK(failure.culprits()[0].name == "mx1.example.com");
  CHECK(failure.culprits()[0].problem.is("connection"));
  CHECK(failure.culprits()[1].name == "mx4.example.com");
  CHECK_THAT(failure.message(),
             ContainsSubstring("2 of 4 names not validated: mx1.example.com: no answer from mx1.example.com"));
  CHECK_THAT(failure.hint(), ContainsSubstring("IPv6"));
  CHECK(scene.cleaned_up == 1);
  CHECK(scene.ca.last("/authz/2").payload == R"({"status":"deactivated"})");
  CHECK(scene.ca.last("/authz/1").payload.empty());
}

TEST_CASE(
    "each name is shown by a challenge of the type that the solver has for it, the wildcard apart from its domain") {
  Scene scene;
  scene.request.names = {"mx.example.com", "*.mx.example.com"};
  scene.order_goes({"pending", "ready"});
  scene.finalize_gives("valid");
  for (int i = 0; i < 2; ++i) {
    const std::string id = std::to_string(i);
    json authorization = authorization_json("mx.example.com", "pending", "pending", id);
    if (i == 1) authorization["wildcard"] = true;
    authorization["challenges"].push_back(
        {{"type", "dns-01"}, {"url", "https://ca.test/dns/" + id}, {"token", "dnstoken" + id}, {"status", "pending"}});
    scene.ca.replace("/authz/" + id, answer(200, authorization.dump()));
    scene.ca.replace("/challenge/" + id, answer(200, "{}"));
    scene.ca.replace("/dns/" + id, answer(200, "{}"));
  }
  scene.solver.challenge_type = [](const std::string& name) { return name.starts_with("*.") ? "dns-01" : "http-01"; };
  scene.issue();
  REQUIRE(scene.presented.size() == 2);
  CHECK(scene.presented[0].type == "http-01");
  CHECK(scene.presented[0].token == "token0");
  CHECK(scene.presented[1].type == "dns-01");
  CHECK(scene.presented[1].token == "dnstoken1");
  CHECK(scene.presented[1].wildcard);
}

TEST_CASE("a challenge without token is only triggered") {
  Scene scene;
  scene.request.names = {"mx.example.com"};
  scene.order_goes({"pending", "ready"});
  scene.finalize_gives("valid");
  json authorization = authorization_json("mx.example.com", "pending", "pending", "0");
  authorization["challenges"].push_back(
      {{"type", "dns-persist-01"}, {"url", "https://ca.test/persist/0"}, {"status", "pending"}});
  scene.ca.replace("/authz/0", answer(200, authorization.dump()));
  scene.ca.replace("/persist/0", answer(200, "{}"));
  scene.solver.challenge_type = [](const std::string&) { return "dns-persist-01"; };
  scene.issue();
  REQUIRE(scene.presented.size() == 1);
  CHECK(scene.presented[0].token.empty());
  CHECK(scene.presented[0].key_authorization.empty());
  CHECK(scene.ca.last("/persist/0").payload == "{}");
}

TEST_CASE("a name without a challenge of the solver's type is told before anything is shown") {
  Scene scene;
  scene.request.names = {"mx1.example.com", "mx2.example.com"};
  scene.order_goes({"pending"});
  scene.authorizations_are("pending");
  json authorization = authorization_json("mx2.example.com", "pending", "pending", "1");
  authorization["challenges"][0] = {{"type", "carrier-pigeon-01"}};
  scene.ca.replace("/authz/1", answer(200, authorization.dump()));
  const auto failure = thrown_by<acme::IssueFailure>(scene);
  REQUIRE(failure.culprits().size() == 1);
  CHECK(failure.culprits()[0].name == "mx2.example.com");
  CHECK_THAT(failure.message(), ContainsSubstring("no http-01 challenge, only carrier-pigeon-01"));
  CHECK(scene.presented.empty());
  CHECK(scene.cleaned_up == 0);
}

TEST_CASE("names that the CA blames when it refuses an order or a CSR are told") {
  const std::string where = GENERATE("/new-order", "/finalize");
  Scene scene;
  scene.request.names = {"mx1.example.com", "mx2.example.com"};
  const acme::Response refusal =
      answer(403, R"({"type":"urn:ietf:params:acme:error:compound","detail":"no","subproblems":[
      {"type":"urn:ietf:params:acme:error:caa","detail":"forbidden","identifier":{"type":"dns","value":"mx2.example.com"}},
      {"type":"urn:ietf:params:acme:error:caa","detail":"forbidden","identifier":{"type":"dns","value":"stranger.example"}}]})");
  scene.ca.on(where, refusal);
  if (where == "/finalize") scene.order_goes({"ready"});
  const auto failure = thrown_by<acme::IssueFailure>(scene);
  REQUIRE(failure.culprits().size() == 1);
  CHECK(failure.culprits()[0].name == "mx2.example.com");
  CHECK(failure.culprits()[0].problem.is("caa"));
}

TEST_CASE("the one name that the CA refuses is found where Boulder has it: quoted in the text") {
  Scene scene;
  scene.request.names = {"mx.example.com", "mx1.example.com", "x.mx.example.com"};
  const json refusal{{"type", "urn:ietf:params:acme:error:rejectedIdentifier"},
                     {"detail", R"(Cannot issue for "mx.example.com": forbidden by policy)"}};
  scene.ca.on("/new-order", answer(403, refusal.dump()));
  const auto failure = thrown_by<acme::IssueFailure>(scene);
  REQUIRE(failure.culprits().size() == 1);
  CHECK(failure.culprits()[0].name == "mx.example.com");
  CHECK(failure.culprits()[0].problem.is("rejectedIdentifier"));
}

TEST_CASE("a refusal that blames no name is the CA's problem as it is") {
  Scene scene;
  scene.ca.on("/new-order", problem(429, "rateLimited"));
  CHECK(thrown_by<acme::Problem>(scene).is("rateLimited"));
}

TEST_CASE("an order that is refused for the certificate it replaces is made once more without naming it") {
  const auto [status, type] = GENERATE(table<int, std::string>(
      {{409, "alreadyReplaced"}, {403, "unauthorized"}, {400, "malformed"}, {500, "serverInternal"}}));
  CAPTURE(type);
  Scene scene;
  scene.request.replaces = "aki.serial";
  scene.ca.on("/new-order", problem(status, type));
  scene.order_goes({"ready", "valid"});
  scene.finalize_gives("valid");
  scene.issue();
  CHECK(scene.ca.count("/new-order") == 2);
  CHECK_THAT(scene.ca.seen_at("/new-order", 0).payload, ContainsSubstring("aki.serial"));
  CHECK_THAT(scene.ca.seen_at("/new-order", 1).payload, !ContainsSubstring("replaces"));
}

TEST_CASE("a refusal for another reason is not tried again without the certificate that is replaced") {
  const auto [status, type] = GENERATE(
      table<int, std::string>({{429, "rateLimited"}, {400, "accountDoesNotExist"}, {403, "userActionRequired"}}));
  CAPTURE(type);
  Scene scene;
  scene.request.replaces = "aki.serial";
  scene.ca.on("/new-order", problem(status, type));
  CHECK(thrown_by<acme::Problem>(scene).is(type));
  CHECK(scene.ca.count("/new-order") == 1);
  Scene without;
  without.ca.on("/new-order", problem(409, "alreadyReplaced"));
  thrown_by<acme::Problem>(without);
  CHECK(without.ca.count("/new-order") == 1);
}

TEST_CASE("an order that is invalid without an invalid authorization tells its own error") {
  Scene scene;
  json invalid = order_json("invalid");
  invalid["error"] = {{"type", "urn:ietf:params:acme:error:serverInternal"}, {"detail", "no HSM"}};
  scene.order_goes({"processing"});
  scene.ca.on("/order/1", answer(200, invalid.dump()));
  scene.authorizations_are("valid", "valid");
  CHECK_THAT(thrown_by<acme::Problem>(scene).message(), ContainsSubstring("no HSM"));
}

TEST_CASE("the first look at the order comes when the CA has looked at the tokens") {
  Scene scene;
  scene.order_goes({"pending", "pending", "pending", "ready"});
  scene.authorizations_are("pending");
  scene.finalize_gives("valid");
  scene.issue();
  CHECK(scene.waits == 1);
  CHECK(scene.clock.slept() == 50ms + 100ms);
}

TEST_CASE("when nobody looks at the tokens the order is looked at anyway, more and more seldom") {
  Scene scene;
  scene.ca_looks = false;
  scene.order_goes({"pending", "pending", "pending", "ready"});
  scene.authorizations_are("pending");
  scene.finalize_gives("valid");
  scene.issue();
  CHECK(scene.waits == 3);
  CHECK(scene.clock.slept() == 2s + 1s + 2s);
}

TEST_CASE("a solver that cannot tell leads to looks from time to time") {
  Scene scene;
  scene.solver.wait_until_validated = nullptr;
  scene.order_goes({"pending", "pending", "ready"});
  scene.authorizations_are("pending");
  scene.finalize_gives("valid");
  scene.issue();
  CHECK(scene.clock.slept() == 500ms + 1s);
}

TEST_CASE("Retry-After is obeyed after two quick looks, unless it makes no sense") {
  const auto [value, pause] = GENERATE(table<std::string, std::chrono::milliseconds>(
      {{"9", 9s}, {"31536000", 200ms}, {"Mon, 23 Nov 2026 00:00:20 GMT", 19850ms}, {"", 200ms}}));
  INFO(value);
  Scene scene;
  scene.order_goes({"processing"});
  for (int i = 0; i < 2; ++i)
    scene.ca.on("/order/1", with_retry_after(answer(200, order_json("processing").dump()), value));
  scene.ca.on("/order/1", answer(200, order_json("valid").dump()));
  scene.issue();
  CHECK(scene.ca.count("/order/1") == 3);
  // A date is whole seconds, counted from 150 ms after the clock's start.
  const auto expected = value.starts_with("Mon") ? std::chrono::milliseconds(19s) : pause;
  CHECK(scene.clock.slept() == 50ms + 100ms + expected);
}

TEST_CASE("an order that is never done ends at the deadline and can be continued") {
  const std::string state = GENERATE("pending", "processing");
  INFO(state);
  Scene scene;
  scene.order_goes({state, state});
  scene.authorizations_are("pending");
  const auto error = thrown_by<Error>(scene);
  CHECK(error.code() == "order_unfinished");
  CHECK_THAT(error.message(), ContainsSubstring("still " + state));
  CHECK(scene.clock.slept() <= 10min);
  CHECK(scene.cleaned_up == (state == "pending" ? 1 : 0));
  CHECK(scene.ca.last("/new-order").url == FakeCa::url("/new-order"));
}

TEST_CASE("a challenge that is pending again with an error will not be looked at any more, and its name is to blame") {
  Scene scene;
  scene.request.names = {"mx1.example.com", "mx2.example.com"};
  scene.ca_looks = false;
  scene.order_goes({"pending", "pending"});
  scene.authorizations_are("pending");
  json tried = authorization_json("mx2.example.com", "pending", "pending", "1");
  scene.ca.on("/authz/1", answer(200, tried.dump()));
  tried["challenges"][0]["error"] = {{"type", "urn:ietf:params:acme:error:connection"}, {"detail", "refused"}};
  scene.ca.on("/authz/1", answer(200, tried.dump()));
  const auto failure = thrown_by<acme::IssueFailure>(scene);
  REQUIRE(failure.culprits().size() == 1);
  CHECK(failure.culprits()[0].name == "mx2.example.com");
  CHECK(failure.culprits()[0].problem.is("connection"));
  CHECK(scene.clock.slept() < 1min);
  CHECK(scene.ca.last("/authz/0").payload == R"({"status":"deactivated"})");
}

TEST_CASE("a challenge that the CA goes on trying is waited for, and what is in the way is told when time is up") {
  Scene scene;
  scene.order_goes({"pending", "pending"});
  scene.authorizations_are("pending");
  json tried = authorization_json("mx.example.com", "pending", "processing", "0");
  tried["challenges"][0]["error"] = {{"type", "urn:ietf:params:acme:error:connection"}, {"detail", "refused"}};
  scene.ca.on("/authz/0", answer(200, tried.dump()));
  CHECK(thrown_by<Error>(scene).code() == "order_unfinished");
  CHECK(scene.ca.count("/authz/0") < 12);
}

TEST_CASE("a CA that is not ready after all is asked again") {
  Scene scene;
  scene.order_goes({"ready", "ready", "ready"});
  scene.ca.on("/finalize", problem(403, "orderNotReady"));
  scene.finalize_gives("valid");
  scene.issue();
  CHECK(scene.ca.count("/finalize") == 2);
  CHECK(scene.clock.slept() == 50ms);
}

TEST_CASE("an order that is not ready is taken up where it is, whatever happened to it meanwhile") {
  const std::string found = GENERATE("pending", "processing", "valid", "invalid");
  INFO(found);
  Scene scene;
  scene.order_goes({"ready", found, found == "pending" ? "ready" : "valid"});
  scene.authorizations_are(found == "pending" ? "pending" : "valid");
  scene.ca.on("/finalize", problem(403, "orderNotReady"));
  scene.finalize_gives("valid");
  if (found == "invalid") {
    CHECK_THROWS_AS(scene.issue(), acme::Problem);
  } else {
    CHECK(scene.issue().chain.pem == certificate);
  }
  CHECK(scene.ca.count("/finalize") == (found == "pending" ? 2 : 1));
  CHECK(scene.presented.size() == (found == "pending" ? 1 : 0));
  CHECK(scene.orders.size() == 1);
}

TEST_CASE("an order that goes back is followed, and its CSR sent again") {
  const std::string back = GENERATE("pending", "ready");
  INFO(back);
  Scene scene;
  scene.order_goes({"ready", back == "pending" ? "pending" : "ready", "ready"});
  scene.authorizations_are("valid");
  scene.finalize_gives(back == "pending" ? "pending" : "processing");
  scene.finalize_gives("valid");
  CHECK(scene.issue().chain.pem == certificate);
  CHECK(scene.ca.count("/finalize") == 2);
}

TEST_CASE("a pending authorization of an earlier order is shown again, and triggered unless the CA is at it already") {
  const std::string challenge = GENERATE("pending", "processing");
  INFO(challenge);
  Scene scene;
  scene.order_goes({"pending", "ready"});
  scene.authorizations_are("pending", challenge);
  scene.finalize_gives("valid");
  scene.issue();
  CHECK(scene.presented.size() == 1);
  CHECK(scene.ca.count("/challenge/0") == (challenge == "pending" ? 1 : 0));
}

TEST_CASE("a CA that always is ready and never valid is given up") {
  Scene scene;
  scene.order_goes({"ready", "ready"});
  scene.finalize_gives("ready");
  CHECK_THROWS_WITH(scene.issue(), ContainsSubstring("circles"));
}

TEST_CASE("a valid order without a certificate is an error") {
  Scene scene;
  json order = order_json("valid");
  order.erase("certificate");
  scene.ca.on("/new-order", created(FakeCa::url("/order/1"), order.dump()));
  CHECK_THROWS_WITH(scene.issue(), ContainsSubstring("no certificate"));
}

TEST_CASE("whatever is thrown, what was presented is cleaned up") {
  Scene scene;
  scene.order_goes({"pending"});
  scene.authorizations_are("pending");
  SECTION("by presenting") {
    scene.solver.present = [](auto) { throw Error("no room"); };
    CHECK_THROWS_WITH(scene.issue(), ContainsSubstring("no room"));
  }
  SECTION("by triggering") {
    scene.ca.replace("/challenge/0", acme::TransportError(acme::TransportError::Kind::timeout, "late"));
    CHECK_THROWS_AS(scene.issue(), acme::TransportError);
  }
  SECTION("by waiting") {
    scene.solver.wait_until_validated = [](auto) -> bool { throw Interrupted(); };
    CHECK_THROWS_AS(scene.issue(), Interrupted);
  }
  CHECK(scene.cleaned_up == 1);
}

TEST_CASE("a stop while it is cleaned up ends the run, any other failure does not") {
  Scene scene;
  scene.order_goes({"pending", "ready"});
  scene.authorizations_are("pending");
  scene.finalize_gives("valid");
  SECTION("stop") {
    scene.solver.clean_up = [] { throw Interrupted(); };
    CHECK_THROWS_AS(scene.issue(), Interrupted);
  }
  SECTION("failure") {
    scene.solver.clean_up = [] { throw Error("the disk is full"); };
    CHECK(scene.issue().chain.pem == certificate);
  }
}

TEST_CASE("a challenge that the CA will not hear of again is left to the order") {
  Scene scene;
  scene.order_goes({"pending", "ready"});
  scene.authorizations_are("pending");
  scene.ca.replace("/challenge/0", problem(400, "malformed", "already being validated"));
  scene.finalize_gives("valid");
  CHECK(scene.issue().chain.pem == certificate);
}

TEST_CASE("an order is worth another look unless the CA would say the same again") {
  using Kind = acme::TransportError::Kind;
  for (const Kind kind : {Kind::unreachable, Kind::not_trusted, Kind::timeout, Kind::broken})
    CHECK_FALSE(acme::is_final(acme::TransportError(kind, "x")));
  CHECK(acme::is_final(acme::TransportError(Kind::refused, "too large")));
  for (const int status : {429, 500, 503})
    CHECK_FALSE(acme::is_final(acme::Problem({.status = status})));
  for (const int status : {0, 302, 400, 403, 404})
    CHECK(acme::is_final(acme::Problem({.status = status})));
  CHECK(acme::is_final(Error("no certificate", {}, "bad_answer")));
  CHECK_FALSE(acme::is_final(Error("still processing", {}, "order_unfinished")));
  CHECK_FALSE(acme::is_final(Error("disk full")));
}
