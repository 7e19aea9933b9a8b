#include "deploy/verify.h"

#include <chrono>

#include "base/clock.h"
#include "catch.h"
#include "deploy/make_credentials.h"
#include "deploy/tls_server.h"

using namespace mxcert;
using namespace mxcert::deploy;
using namespace std::chrono_literals;
using test::credentials_of;

namespace {

std::vector<std::string> to_texts(const std::vector<Check>& checks) {
  std::vector<std::string> texts;
  for (const Check& check : checks)
    texts.push_back(to_string(check));
  return texts;
}

Observation shown(const std::vector<pki::Certificate>& chain, const std::string& server_name = {}) {
  return {.check = {.endpoint = {.address = "192.0.2.1", .port = 25}, .server_name = server_name},
          .result = {.status = ProbeResult::Status::shown, .chain = chain}};
}

std::vector<pki::Certificate> parse(const pki::CertificateBundle& bundle) {
  return pki::parse_certificates(bundle.full_chain());
}

Expectation expect(const std::vector<std::string>& names, const std::vector<pki::Certificate>& chain = {}) {
  return {.names = names, .chains = {{.chain = chain}}};
}
Expectation expect(const std::vector<pki::Certificate>& chain) {
  return expect({}, chain);
}

}  // namespace

TEST_CASE("every endpoint is looked at without SNI and with the first name, the first of each port with more names") {
  const std::vector<Endpoint> endpoints{
      {.address = "192.0.2.1", .port = 25}, {.address = "::1", .port = 25}, {.address = "::1", .port = 465}};
  const std::vector<std::string> names{"a.example", "b.example"};
  CHECK(to_texts(plan_checks(endpoints, expect(names))) ==
        std::vector<std::string>{"192.0.2.1:25 without SNI", "192.0.2.1:25 with SNI a.example",
                                 "192.0.2.1:25 with SNI b.example", "[::1]:25 without SNI",
                                 "[::1]:25 with SNI a.example", "[::1]:465 without SNI", "[::1]:465 with SNI a.example",
                                 "[::1]:465 with SNI b.example"});
}

TEST_CASE("each of two keys is looked at by who takes only that kind") {
  const std::vector<Endpoint> endpoints{{.address = "192.0.2.1", .port = 25}};
  const Expectation both{.names = {"a.example"},
                         .chains = {{.key_type = pki::KeyFamily::ecdsa}, {.key_type = pki::KeyFamily::rsa}}};
  CHECK(to_texts(plan_checks(endpoints, both)) ==
        std::vector<std::string>{"192.0.2.1:25 without SNI, only ecdsa", "192.0.2.1:25 with SNI a.example, only ecdsa",
                                 "192.0.2.1:25 without SNI, only rsa", "192.0.2.1:25 with SNI a.example, only rsa"});
}

TEST_CASE("only keys that the daemon has files for are expected to be shown") {
  const std::vector<std::string> names{"mx.example.com"};
  const Delivery delivery{
      .certificate_name = "mx",
      .names = names,
      .bundle = test::make_bundle(names),
      .further_bundles = {test::make_bundle(names, pki::PrivateKey::generate(pki::KeyType::rsa_2048))}};
  const auto expected = [&](const std::vector<DaemonFile>& files, const Delivery& delivered) {
    std::vector<std::string> texts;
    for (const ExpectedChain& chain : expect_chains(delivered, files).chains)
      texts.push_back(std::string(chain.key_type ? pki::to_string(*chain.key_type) : "any") + " " +
                      std::string(pki::to_string(chain.chain.front().key_family.value())));
    return texts;
  };
  using Texts = std::vector<std::string>;
  const DaemonFile primary{.path = "/a"};
  const DaemonFile rsa{.path = "/b", .key_type = pki::KeyFamily::rsa};
  const DaemonFile all{.path = "/c", .content = Content::bundles};
  const DaemonFile list{.path = "/d", .content = Content::names};
  CHECK(expected({primary, rsa}, delivery) == Texts{"ecdsa ecdsa", "rsa rsa"});
  CHECK(expected({all, list}, delivery) == Texts{"ecdsa ecdsa", "rsa rsa"});
  CHECK(expected({primary, list}, delivery) == Texts{"any ecdsa"});
  CHECK(expected({rsa}, delivery) == Texts{"rsa rsa"});
  CHECK(expected({}, delivery) == Texts{"any ecdsa"});
  CHECK(expected({all}, {.certificate_name = "mx", .names = names, .bundle = delivery.bundle}) == Texts{"any ecdsa"});
}

TEST_CASE("who takes only one kind of signature has to see the chain of that key") {
  const auto ecdsa = parse(test::make_bundle({"mx.example.com"}));
  const auto rsa = parse(test::make_bundle({"mx.example.com"}));
  const Expectation both{.names = {}, .chains = {{pki::KeyFamily::ecdsa, ecdsa}, {pki::KeyFamily::rsa, rsa}}};
  Observation seen = shown(rsa);
  seen.check.key_type = pki::KeyFamily::rsa;
  CHECK(find_fault(seen, both).empty());
  seen.check.key_type = pki::KeyFamily::ecdsa;
  CHECK_THAT(find_fault(seen, both), ContainsSubstring("shows mx.example.com"));
}

TEST_CASE("of a hundred names five are asked for, the first and the last among them") {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i)
    names.push_back("mx" + std::to_string(i) + ".example");
  const std::vector<Endpoint> endpoints{{.address = "192.0.2.1", .port = 25}};
  const std::vector<Check> checks = plan_checks(endpoints, expect(names));
  REQUIRE(checks.size() == 6);
  CHECK(checks[1].server_name == "mx0.example");
  CHECK(checks[5].server_name == "mx99.example");
}

TEST_CASE("nobody asks for a wildcard") {
  const std::vector<Endpoint> endpoints{{.address = "192.0.2.1", .port = 25}};
  const std::vector<std::string> names{"*.example.com"};
  CHECK(plan_checks(endpoints, expect(names)).size() == 1);
}

TEST_CASE("the new leaf with its whole chain and the name asked for is no fault") {
  const auto chain = parse(test::make_bundle({"mx.example.com"}));
  CHECK(find_fault(shown(chain), expect(chain)).empty());
  CHECK(find_fault(shown(chain, "mx.example.com"), expect(chain)).empty());
}

TEST_CASE("another leaf, a cut chain, a name that is not held, and no handshake are faults") {
  auto chain = parse(test::make_bundle({"mx.example.com", "mx2.example.com"}));
  const auto other = parse(test::make_bundle({"old.example.com"}));
  CHECK_THAT(find_fault(shown(other), expect(chain)), ContainsSubstring("shows old.example.com, valid until"));
  CHECK_THAT(find_fault(shown(chain, "mx3.example.com"), expect(chain)),
             ContainsSubstring("does not hold mx3.example.com"));
  chain.push_back(other.front());
  const auto cut = std::vector{chain.front()};
  CHECK_THAT(find_fault(shown(cut), expect(chain)), ContainsSubstring("with 1 certificate of the 2"));
  const Observation refused{.check = {}, .result = {.reason = "refuses connections"}};
  CHECK(find_fault(refused, expect(chain)) == "refuses connections");
}

TEST_CASE("a certificate without names is described by its subject") {
  CHECK_THAT(describe_result(shown(parse(test::make_bundle({}))).result), ContainsSubstring("shows CN=mxcert, valid"));
  CHECK_THAT(describe_result(shown(parse(test::make_bundle({"a.example", "b.example", "c.example"}))).result),
             ContainsSubstring("shows a.example and 2 names more, valid until"));
}

TEST_CASE("many handshakes are made at once, and their results keep their order") {
  const auto bundle = test::make_bundle({"mx.example.com"});
  const test::TlsServer good([&](test::ServedConnection& connection) {
    serve_smtp(connection, {{"", credentials_of(bundle)}});
  });
  const std::uint16_t closed = test::closed_port();
  std::vector<Check> checks;
  for (int i = 0; i < 20; ++i)
    checks.push_back({.endpoint = {.address = "127.0.0.1", .port = i % 2 == 0 ? good.port() : closed}});
  RealClock clock;
  const auto observations = observe(clock, checks, 5s);
  REQUIRE(observations.size() == 20);
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(observations[i].result.shown() == (i % 2 == 0));
    CHECK(observations[i].check.endpoint == checks[i].endpoint);
  }
}

TEST_CASE("what is not good yet is looked at again, the rest is left in peace until all are good") {
  const auto old_bundle = test::make_bundle({"old.example"});
  const auto new_bundle = test::make_bundle({"new.example"});
  std::atomic<int> count{0};
  const test::TlsServer slow([&](test::ServedConnection& connection) {
    serve_smtp(connection, {{"", credentials_of(++count <= 2 ? old_bundle : new_bundle)}});
  });
  const test::TlsServer quick([&](test::ServedConnection& connection) {
    serve_smtp(connection, {{"", credentials_of(new_bundle)}});
  });
  const std::vector<Check> checks{{.endpoint = {.address = "127.0.0.1", .port = quick.port()}},
                                  {.endpoint = {.address = "127.0.0.1", .port = slow.port()}}};
  const auto chain = parse(new_bundle);
  const auto good = [&](const Observation& observation) { return find_fault(observation, expect(chain)).empty(); };
  RealClock clock;
  const auto observations = observe_until(clock, checks, 5s, 10s, good, [&](std::span<const Observation> all) {
    return std::all_of(all.begin(), all.end(), good);
  });
  CHECK(good(observations[0]));
  CHECK(good(observations[1]));
  CHECK(quick.connections() == 2);
  CHECK(slow.connections() == 4);
}

TEST_CASE("a daemon with two processes, one of which shows the old certificate, is never good as a whole") {
  const auto old_bundle = test::make_bundle({"old.example"});
  const auto new_bundle = test::make_bundle({"new.example"});
  std::atomic<int> count{0};
  const test::TlsServer both([&](test::ServedConnection& connection) {
    serve_smtp(connection, {{"", credentials_of(++count % 2 == 0 ? new_bundle : old_bundle)}});
  });
  const std::vector<Check> checks(2, {.endpoint = {.address = "127.0.0.1", .port = both.port()}});
  const auto chain = parse(new_bundle);
  const auto good = [&](const Observation& observation) { return find_fault(observation, expect(chain)).empty(); };
  const auto all_good = [&](std::span<const Observation> all) { return std::all_of(all.begin(), all.end(), good); };
  RealClock clock;
  CHECK_FALSE(all_good(observe_until(clock, checks, 5s, 1s, good, all_good)));
}

TEST_CASE("looking again ends when patience does") {
  const std::vector<Check> checks{{.endpoint = {.address = "127.0.0.1", .port = test::closed_port()}}};
  RealClock clock;
  const auto start = std::chrono::steady_clock::now();
  const auto never = [](const auto&) { return false; };
  CHECK(observe_until(clock, checks, 1s, 300ms, never, never).size() == 1);
  CHECK(std::chrono::steady_clock::now() - start < 5s);
}
