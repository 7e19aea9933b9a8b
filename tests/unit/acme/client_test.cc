#include "acme/client.h"

#include "catch.h"
#include "fake_transport.h"

using namespace mxcert;
using namespace std::chrono_literals;
using acme::Method;
using acme::TransportError;
using test::answer;
using test::created;
using test::FakeCa;
using test::FakeClock;
using test::problem;
using test::with_retry_after;

namespace {

const TransportError connection_lost(TransportError::Kind::broken, "the connection broke");

struct Scene {
  FakeCa ca;
  FakeClock clock;
  acme::Client client;
  Deadline deadline = Deadline::after(clock, 10min);

  explicit Scene(acme::ClientOptions options = {})
      : client(ca, clock, test::make_signer(), FakeCa::url("/dir"), options) {
    client.use_account(FakeCa::url("/account/1"));
  }
};

const std::string order_body =
    R"({"status":"pending","identifiers":[{"type":"dns","value":"mx.example.com"}],
        "authorizations":["https://ca.test/authz/1"],"finalize":"https://ca.test/finalize/1"})";

std::string authorization_body(const std::string& name) {
  return R"({"status":"valid","identifier":{"type":"dns","value":")" + name + R"("},"challenges":[]})";
}

std::vector<std::string> urls(const std::string& prefix, int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i)
    all.push_back(FakeCa::url(prefix + std::to_string(i)));
  return all;
}

}  // namespace

TEST_CASE("nothing is sent before something is asked for, and the directory is asked for once") {
  Scene scene;
  CHECK(scene.ca.seen.empty());
  scene.client.directory(scene.deadline);
  scene.client.directory(scene.deadline);
  CHECK(scene.ca.seen.size() == 1);
}

TEST_CASE("a directory that is none says which and what to check") {
  Scene scene;
  scene.ca.replace("/dir", answer(200, "<html>"));
  CHECK_THROWS_WITH(scene.client.directory(scene.deadline), ContainsSubstring("directory https://ca.test/dir: "));
  scene.ca.replace("/dir", answer(404));
  try {
    scene.client.directory(scene.deadline);
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.message() == "directory https://ca.test/dir: rejected by the CA: HTTP status 404 without a reason");
    CHECK_THAT(error.hint(), ContainsSubstring("[ca] directory"));
  }
  scene.ca.replace("/dir", answer(502));
  CHECK_THROWS_AS(scene.client.directory(scene.deadline), acme::Problem);
}

TEST_CASE("a CA over plain HTTP is refused") {
  FakeCa ca;
  FakeClock clock;
  CHECK_THROWS_AS(acme::Client(ca, clock, test::make_signer(), "http://ca.test/dir"), ConfigError);
  CHECK(ca.seen.empty());
}

TEST_CASE("an account is found by its key, and later requests name it by its URL") {
  Scene scene;
  scene.ca.on("/new-account",
              {acme::Response{.status = 200, .location = FakeCa::url("/account/7"), .body = R"({"status":"valid"})"}});
  scene.ca.on("/order/1", answer(200, order_body));
  const auto account = scene.client.find_account(scene.deadline);
  REQUIRE(account);
  CHECK(account->url == FakeCa::url("/account/7"));
  const auto& seen = scene.ca.last("/new-account");
  CHECK(seen.header.contains("jwk"));
  CHECK_FALSE(seen.header.contains("kid"));
  CHECK(seen.payload == R"({"onlyReturnExisting":true})");
  scene.client.fetch_order(FakeCa::url("/order/1"), scene.deadline);
  CHECK(scene.ca.last("/order/1").header["kid"] == FakeCa::url("/account/7"));
  CHECK(scene.ca.last("/order/1").payload.empty());
}

TEST_CASE("an account that the CA does not have is not an error") {
  Scene scene;
  scene.ca.on("/new-account", problem(400, "accountDoesNotExist"));
  CHECK_FALSE(scene.client.find_account(scene.deadline));
}

TEST_CASE("an account that was deactivated is found as such, whichever way the CA says it") {
  Scene scene;
  scene.ca.on("/new-account", problem(401, "unauthorized"));
  scene.ca.on(
      "/new-account",
      {acme::Response{.status = 200, .location = FakeCa::url("/account/7"), .body = R"({"status":"deactivated"})"}});
  for (int way = 0; way < 2; ++way) {
    const auto account = scene.client.find_account(scene.deadline);
    REQUIRE(account);
    CHECK(account->status == acme::Account::Status::deactivated);
  }
  CHECK_THROWS_AS(scene.client.create_account({}, scene.deadline), Error);
}

TEST_CASE("a CA that wants an external account is told the one there is, or the administrator what to do") {
  Scene scene;
  scene.ca.replace("/dir",
                   answer(200, R"({"newNonce":"https://ca.test/nonce","newAccount":"https://ca.test/new-account",
      "newOrder":"https://ca.test/new-order","meta":{"externalAccountRequired":true}})"));
  scene.ca.on("/new-account", created(FakeCa::url("/account/1"), R"({"status":"valid"})"));
  try {
    scene.client.create_account({}, scene.deadline);
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.code() == "external_account_required");
    CHECK_THAT(error.hint(), ContainsSubstring("eab"));
  }
  CHECK(scene.ca.count("/new-account") == 0);
  std::string authenticated;
  scene.client.create_account({.external = acme::ExternalAccount{.key_id = "kid-1",
                                                                 .algorithm = "HS384",
                                                                 .authenticate =
                                                                     [&](std::string_view data) {
                                                                       authenticated = data;
                                                                       return std::string("mac");
                                                                     }}},
                              scene.deadline);
  const auto binding = nlohmann::json::parse(scene.ca.last("/new-account").payload)["externalAccountBinding"];
  const auto header = nlohmann::json::parse(from_base64url(binding["protected"].get<std::string>()).value());
  CHECK(header == nlohmann::json{{"alg", "HS384"}, {"kid", "kid-1"}, {"url", FakeCa::url("/new-account")}});
  CHECK(from_base64url(binding["payload"].get<std::string>()) == scene.client.account_key().json);
  CHECK(binding["signature"] == to_base64url("mac"));
  CHECK(authenticated == binding["protected"].get<std::string>() + "." + binding["payload"].get<std::string>());
}

TEST_CASE("revocation is signed for the account, or without one by the client's own key; done before is done") {
  Scene scene;
  scene.ca.on("/revoke", answer(200));
  scene.ca.on("/revoke", answer(200));
  scene.ca.on("/revoke", problem(400, "alreadyRevoked"));
  CHECK(scene.client.revoke_certificate("DER", 1, scene.deadline));
  CHECK(scene.ca.last("/revoke").header["kid"] == FakeCa::url("/account/1"));
  CHECK(nlohmann::json::parse(scene.ca.last("/revoke").payload) ==
        nlohmann::json{{"certificate", to_base64url("DER")}, {"reason", 1}});
  acme::Client by_key(scene.ca, scene.clock, test::make_signer(), FakeCa::url("/dir"));
  CHECK(by_key.revoke_certificate("DER", 0, scene.deadline));
  CHECK(scene.ca.last("/revoke").header.contains("jwk"));
  CHECK_FALSE(nlohmann::json::parse(scene.ca.last("/revoke").payload).contains("reason"));
  CHECK_FALSE(by_key.revoke_certificate("DER", 0, scene.deadline));
}

TEST_CASE("how far the CA's clock is ahead of ours is known from its directory's Date, if that has one") {
  for (const int hours : {-3, 0, 5}) {
    Scene scene;
    CHECK_FALSE(scene.client.ca_ahead());
    acme::Response directory = answer(200, R"({"newNonce":"https://ca.test/nonce",
        "newAccount":"https://ca.test/new-account","newOrder":"https://ca.test/new-order"})");
    directory.date = "Sun, 06 Nov 2022 08:49:37 GMT";
    scene.clock = FakeClock(*parse_time("2022-11-06T08:49:37Z") - std::chrono::hours{hours});
    scene.ca.replace("/dir", directory);
    scene.client.directory(scene.deadline);
    CHECK(scene.client.ca_ahead() == std::chrono::hours{hours});
  }
  Scene scene;
  scene.client.directory(scene.deadline);
  CHECK_FALSE(scene.client.ca_ahead());
}

TEST_CASE("contacts are updated at the account's URL, and none takes away what there was") {
  Scene scene;
  scene.ca.on("/account/1", answer(200, R"({"status":"valid","contact":["mailto:a@example.com"]})"));
  const std::vector<std::string> contacts{"a@example.com"};
  const auto account = scene.client.update_contacts(contacts, scene.deadline);
  CHECK(account.contacts == std::vector<std::string>{"mailto:a@example.com"});
  CHECK(account.url == FakeCa::url("/account/1"));
  CHECK(scene.ca.last("/account/1").payload == R"({"contact":["mailto:a@example.com"]})");
  scene.client.update_contacts({}, scene.deadline);
  CHECK(scene.ca.last("/account/1").payload == R"({"contact":[]})");
}

TEST_CASE("a key change is signed by both keys, the new one inside, and names account and old key") {
  Scene scene;
  scene.ca.on("/key-change", answer(200));
  const pki::PrivateKey next = pki::PrivateKey::generate(pki::KeyType::ecdsa_p384);
  const acme::Signer signer{.public_key_der = next.public_key_der(),
                            .sign = [&](std::string_view data) { return next.sign(data); }};
  scene.client.change_key(signer, scene.deadline);
  const auto& outer = scene.ca.last("/key-change");
  CHECK(outer.header["kid"] == FakeCa::url("/account/1"));
  const auto inner = nlohmann::json::parse(outer.payload);
  const auto header = nlohmann::json::parse(from_base64url(inner["protected"].get<std::string>()).value());
  CHECK(header["jwk"] == nlohmann::json::parse(acme::parse_public_key(next.public_key_der()).json));
  CHECK(header["alg"] == "ES384");
  CHECK(header["url"] == FakeCa::url("/key-change"));
  CHECK_FALSE(header.contains("nonce"));
  const auto payload = nlohmann::json::parse(from_base64url(inner["payload"].get<std::string>()).value());
  CHECK(payload["account"] == FakeCa::url("/account/1"));
  CHECK(payload["oldKey"] == nlohmann::json::parse(scene.client.account_key().json));
}

TEST_CASE("neither a key change nor a deactivation is sent twice when nobody knows whether it arrived") {
  Scene scene;
  scene.ca.on("/key-change", connection_lost);
  scene.ca.on("/account/1", connection_lost);
  CHECK_THROWS_AS(scene.client.change_key(test::make_signer(), scene.deadline), TransportError);
  CHECK_THROWS_AS(scene.client.deactivate_account(scene.deadline), TransportError);
  CHECK(scene.ca.count("/key-change") == 1);
  CHECK(scene.ca.count("/account/1") == 1);
  CHECK(scene.ca.last("/account/1").payload == R"({"status":"deactivated"})");
}

TEST_CASE("terms are agreed to by the administrator or not at all") {
  Scene scene;
  scene.ca.replace("/dir",
                   answer(200, R"({"newNonce":"https://ca.test/nonce","newAccount":"https://ca.test/new-account",
      "newOrder":"https://ca.test/new-order","meta":{"termsOfService":"https://ca.test/terms"}})"));
  scene.ca.on("/new-account", created(FakeCa::url("/account/1"), R"({"status":"valid"})"));
  try {
    scene.client.create_account({}, scene.deadline);
    FAIL("not refused");
  } catch (const Error& error) {
    CHECK(error.code() == "terms_not_agreed");
    CHECK_THAT(error.message(), ContainsSubstring("https://ca.test/terms"));
  }
  CHECK(scene.ca.count("/new-account") == 0);
  CHECK(scene.client.create_account({.terms_agreed = true}, scene.deadline).url == FakeCa::url("/account/1"));
}

TEST_CASE("an account without an https URL, or deactivated, is an error") {
  Scene scene;
  scene.ca.replace("/new-account", created("http://ca.test/account/1", R"({"status":"valid"})"));
  CHECK_THROWS_WITH(scene.client.create_account({}, scene.deadline), ContainsSubstring("no https URL"));
  scene.ca.replace("/new-account", created(FakeCa::url("/account/1"), R"({"status":"deactivated"})"));
  CHECK_THROWS_WITH(scene.client.create_account({}, scene.deadline), ContainsSubstring("deactivated"));
}

TEST_CASE("a batch has as many requests under way as allowed, each with a nonce of its own") {
  Scene scene({.max_parallel_requests = 8});
  for (int i = 0; i < 20; ++i)
    scene.ca.on("/authz/" + std::to_string(i),
                answer(200, authorization_body("mx" + std::to_string(i) + ".example.com")));
  const auto authorizations = scene.client.fetch_authorizations(urls("/authz/", 20), scene.deadline);
  REQUIRE(authorizations.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(authorizations[i].identifier.value == "mx" + std::to_string(i) + ".example.com");
    CHECK(authorizations[i].url == FakeCa::url("/authz/" + std::to_string(i)));
  }
  CHECK(scene.ca.batches == std::vector<std::size_t>{1, 7, 7, 7, 6});  // directory, nonces, three waves of one size
}

TEST_CASE("the nonces for the authorizations are asked for while the order is made") {
  Scene scene({.max_parallel_requests = 8});
  scene.ca.on("/new-order", created(FakeCa::url("/order/1"), order_body));
  for (int i = 0; i < 20; ++i)
    scene.ca.on("/authz/" + std::to_string(i), answer(200, authorization_body("mx.example.com")));
  scene.client.new_order({.names = std::vector<std::string>(20, "mx.example.com")}, scene.deadline);
  scene.client.fetch_authorizations(urls("/authz/", 20), scene.deadline);
  CHECK(scene.ca.batches == std::vector<std::size_t>{1, 1, 1 + 6, 7, 7, 6});
  CHECK(scene.ca.count("/nonce") == 7);
}

TEST_CASE("a CA that gives fewer nonces than it was asked for is not asked for the rest again and again") {
  Scene scene({.max_parallel_requests = 8});
  scene.ca.on("/nonce", answer(200));
  for (int i = 0; i < 4; ++i)
    scene.ca.on("/nonce", answer(503));
  scene.ca.nonces_with_errors = false;
  for (int i = 0; i < 20; ++i)
    scene.ca.on("/authz/" + std::to_string(i), answer(200, authorization_body("mx.example.com")));
  scene.client.fetch_authorizations(urls("/authz/", 20), scene.deadline);
  CHECK(scene.ca.count("/nonce") == 7);
  CHECK(scene.ca.batches.at(2) == 2);
}

TEST_CASE("nonces lost to a broken connection are replaced once there is none left") {
  Scene scene({.max_parallel_requests = 4});
  for (int i = 0; i < 4; ++i) {
    scene.ca.on("/authz/" + std::to_string(i), connection_lost);
    scene.ca.on("/authz/" + std::to_string(i), answer(200, authorization_body("mx.example.com")));
  }
  CHECK(scene.client.fetch_authorizations(urls("/authz/", 4), scene.deadline).size() == 4);
  CHECK(scene.ca.count("/nonce") == 8);
}

TEST_CASE("nonces that answers bring are used for the next batch") {
  Scene scene;
  for (int i = 0; i < 20; ++i)
    scene.ca.on("/authz/" + std::to_string(i), answer(200, authorization_body("mx.example.com")));
  scene.client.fetch_authorizations(urls("/authz/", 20), scene.deadline);
  scene.client.fetch_authorizations(urls("/authz/", 20), scene.deadline);
  CHECK(scene.ca.count("/nonce") == 20);
}

TEST_CASE("only the requests whose nonce was refused are signed again") {
  Scene scene;
  scene.ca.on("/authz/0", problem(400, "badNonce"));
  for (int i = 0; i < 3; ++i)
    scene.ca.on("/authz/" + std::to_string(i), answer(200, authorization_body("mx.example.com")));
  CHECK(scene.client.fetch_authorizations(urls("/authz/", 3), scene.deadline).size() == 3);
  CHECK(scene.ca.count("/authz/0") == 2);
  CHECK(scene.ca.count("/authz/1") == 1);
  CHECK(scene.ca.count("/nonce") == 3);  // the refusal brought a fresh one
}

TEST_CASE("a CA that refuses every nonce is given up") {
  Scene scene({.max_refused_nonces = 10});
  scene.ca.refuses_every_nonce = true;
  scene.ca.on("/order/1", answer(200, order_body));
  try {
    scene.client.fetch_order(FakeCa::url("/order/1"), scene.deadline);
    FAIL("not given up");
  } catch (const acme::Problem& refusal) {
    CHECK(refusal.is("badNonce"));
    CHECK_THAT(refusal.hint(), ContainsSubstring("later"));
  }
  CHECK(scene.ca.count("/order/1") == 10);
}

TEST_CASE("a CA that gives no nonces is told apart from one that cannot be reached") {
  Scene scene;
  scene.ca.gives_nonces = false;
  scene.ca.on("/order/1", answer(200, order_body));
  CHECK_THROWS_WITH(scene.client.fetch_order(FakeCa::url("/order/1"), scene.deadline), ContainsSubstring("no nonce"));
  scene.ca.replace("/nonce", connection_lost);
  CHECK_THROWS_AS(scene.client.fetch_order(FakeCa::url("/order/1"), scene.deadline), TransportError);
}

TEST_CASE("a nonce that is not base64url is not sent back") {
  Scene scene;
  scene.ca.replace("/nonce", acme::Response{.status = 200, .replay_nonce = "\"},evil"});
  CHECK_THROWS_WITH(scene.client.fetch_order(FakeCa::url("/order/1"), scene.deadline), ContainsSubstring("no nonce"));
}

TEST_CASE("a fetch is repeated after a broken connection or a 5xx, with pauses, and not for ever") {
  Scene scene;
  scene.ca.on("/order/1", connection_lost);
  scene.ca.on("/order/1", answer(502, "<html>"));
  scene.ca.on("/order/1", answer(200, order_body));
  scene.client.fetch_order(FakeCa::url("/order/1"), scene.deadline);
  CHECK(scene.ca.count("/order/1") == 3);
  CHECK(scene.clock.slept() == 750ms);
  scene.ca.replace("/order/1", answer(500));
  CHECK_THROWS_AS(scene.client.fetch_order(FakeCa::url("/order/1"), scene.deadline), acme::Problem);
  CHECK(scene.ca.count("/order/1") == 3 + 4);
}

TEST_CASE("what creates something is not repeated when nobody knows whether it arrived") {
  Scene scene;
  scene.ca.on("/new-order", connection_lost);
  CHECK_THROWS_AS(scene.client.new_order({.names = {"mx.example.com"}}, scene.deadline), TransportError);
  CHECK(scene.ca.count("/new-order") == 1);
}

TEST_CASE("what certainly did not arrive is repeated") {
  Scene scene;
  scene.ca.on("/new-order", TransportError(TransportError::Kind::unreachable, "refused"));
  scene.ca.on("/new-order", created(FakeCa::url("/order/1"), order_body));
  CHECK(scene.client.new_order({.names = {"mx.example.com"}}, scene.deadline).url == FakeCa::url("/order/1"));
}

TEST_CASE("trust and timeouts are not tried again") {
  Scene scene;
  for (const auto kind :
       {TransportError::Kind::not_trusted, TransportError::Kind::timeout, TransportError::Kind::refused}) {
    scene.ca.replace("/dir", TransportError(kind, "no"));
    CHECK_THROWS_AS(scene.client.directory(scene.deadline), TransportError);
  }
  CHECK(scene.ca.count("/dir") == 3);
}

TEST_CASE("a busy CA is left alone for the seconds it asks for, a rate limit of hours is told") {
  Scene scene;
  scene.ca.on("/new-order", with_retry_after(answer(503), "7"));
  scene.ca.on("/new-order", created(FakeCa::url("/order/1"), order_body));
  scene.client.new_order({.names = {"mx.example.com"}}, scene.deadline);
  CHECK(scene.clock.slept() == 7s);
  scene.ca.replace("/new-order", with_retry_after(problem(429, "rateLimited"), "36000"));
  try {
    scene.client.new_order({.names = {"mx.example.com"}}, scene.deadline);
    FAIL("not refused");
  } catch (const acme::Problem& refusal) {
    CHECK(refusal.retry_after() == 10h);
    CHECK_THAT(refusal.hint(), ContainsSubstring("10 hours"));
  }
  CHECK(scene.clock.slept() == 7s);
}

TEST_CASE("a CA that asks for a minute is for whoever runs us to wait for") {
  Scene scene;
  scene.ca.on("/new-order", with_retry_after(answer(503), "60"));
  CHECK_THROWS_AS(scene.client.new_order({.names = {"mx.example.com"}}, scene.deadline), acme::Problem);
  CHECK(scene.clock.slept() == 0s);
}

TEST_CASE("no pause goes past the deadline") {
  Scene scene;
  scene.deadline = Deadline::after(scene.clock, 5s);
  scene.ca.on("/new-order", with_retry_after(answer(503), "7"));
  CHECK_THROWS_AS(scene.client.new_order({.names = {"mx.example.com"}}, scene.deadline), acme::Problem);
  CHECK(scene.clock.slept() == 0s);
}

TEST_CASE("an order without an https URL is an error") {
  Scene scene;
  scene.ca.on("/new-order", answer(201, order_body));
  CHECK_THROWS_WITH(scene.client.new_order({.names = {"mx.example.com"}}, scene.deadline),
                    ContainsSubstring("no https URL for the order"));
}

TEST_CASE("a refused challenge is told for that challenge") {
  Scene scene;
  scene.ca.on("/c/0", answer(200, "{}"));
  scene.ca.on("/c/1", problem(400, "malformed"));
  const auto refusals = scene.client.trigger_challenges(urls("/c/", 2), scene.deadline);
  REQUIRE(refusals.size() == 2);
  CHECK_FALSE(refusals[0]);
  CHECK(refusals[1]->is("malformed"));
  CHECK(scene.ca.last("/c/0").payload == "{}");
}

TEST_CASE("a chain is certificates and nothing else") {
  Scene scene;
  const std::string certificate = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
  scene.ca.replace("/cert", {acme::Response{.status = 200,
                                            .links = {"<https://ca.test/cert/alt>;rel=\"alternate\""},
                                            .body = certificate + certificate}});
  const auto chain = scene.client.fetch_certificate(FakeCa::url("/cert"), scene.deadline);
  CHECK(chain.pem == certificate + certificate);
  CHECK(chain.alternates == std::vector<std::string>{"https://ca.test/cert/alt"});
  for (const std::string& bad : {std::string("<html>"), certificate + "-----BEGIN PRIVATE KEY-----\n", std::string()}) {
    scene.ca.replace("/cert", answer(200, bad));
    CHECK_THROWS_WITH(scene.client.fetch_certificate(FakeCa::url("/cert"), scene.deadline), ContainsSubstring("chain"));
  }
}

namespace {
const std::string window_body =
    R"({"suggestedWindow":{"start":"2026-12-01T00:00:00Z","end":"2026-12-03T00:00:00Z"},
        "explanationURL":"https://ca.test/why"})";
void offer_renewal_info(FakeCa& ca) {
  ca.replace("/dir", answer(200, R"({"newNonce":"https://ca.test/nonce","newAccount":"https://ca.test/new-account",
      "newOrder":"https://ca.test/new-order","renewalInfo":"https://ca.test/renewal-info"})"));
}
}  // namespace

TEST_CASE("renewal information is fetched without signature, and tells window, reason and when to ask again") {
  Scene scene;
  offer_renewal_info(scene.ca);
  scene.ca.on("/renewal-info/aki.serial", with_retry_after(answer(200, window_body), "3600"));
  const auto info = scene.client.fetch_renewal_info("aki.serial", scene.deadline);
  REQUIRE(info);
  CHECK(info->start == *parse_time("2026-12-01T00:00:00Z"));
  CHECK(info->end == *parse_time("2026-12-03T00:00:00Z"));
  CHECK(info->explanation_url == "https://ca.test/why");
  CHECK(info->retry_after == 1h);
  CHECK(scene.ca.last("/renewal-info/aki.serial").method == Method::get);
  CHECK(scene.ca.seen.size() == 2);
}

TEST_CASE("a CA without renewal information is asked for none; one that forgot the certificate says so") {
  Scene scene;
  CHECK_FALSE(scene.client.fetch_renewal_info("aki.serial", scene.deadline));
  CHECK(scene.ca.seen.size() == 1);
  Scene forgetful;
  offer_renewal_info(forgetful.ca);
  forgetful.ca.on("/renewal-info/aki.serial", problem(404, "malformed"));
  CHECK_THROWS_AS(forgetful.client.fetch_renewal_info("aki.serial", forgetful.deadline), acme::Problem);
}
