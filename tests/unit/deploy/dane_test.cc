#include "deploy/dane.h"

#include <algorithm>

#include "catch.h"
#include "deploy/make_credentials.h"
#include "dns/fake_resolver.h"

using namespace mxcert;
using namespace mxcert::deploy;
using dns::TlsaRecord;
using test::FakeDns;
using test::FakeResolver;

namespace {

/// A leaf for mx.example.com and alias.example.com, its issuer, and the root above, each with a key of its own.
constexpr const char* leaf_pem = R"(-----BEGIN CERTIFICATE-----
MIIBijCCAS+gAwIBAgIUe4fXykyj3a/z5gx55B6AiAjamUAwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMSW50ZXJtZWRpYXRlMB4XDTI2MTEyNTEzMjUyNloXDTM2MTEy
MjEzMjUyNlowADBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCeWmWuXN81sIfGN
REyncx+3YSzXAxz9yGTQ0N09TV0fny1pWV8yGu1f5CETRpi9orXiPBg73ls0lUzU
em6rZoKjcDBuMCwGA1UdEQQlMCOCDm14LmV4YW1wbGUuY29tghFhbGlhcy5leGFt
cGxlLmNvbTAdBgNVHQ4EFgQUKIbWkTht+hXgSZdbSj7C4YNMhvwwHwYDVR0jBBgw
FoAU12kPrW5HTpT+x0NzNxth3WDEL9kwCgYIKoZIzj0EAwIDSQAwRgIhAJDWX99u
akzc5KOXxQXZtvHywnpIvW2xqcRmDEApcOKtAiEA1EscVwbRKvhX17ZwvBRG6MEg
V+pAB9TFbzPjUfqOxsA=
-----END CERTIFICATE-----
)";
constexpr const char* intermediate_pem = R"(-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUMFs7qtXkzqTBHNyl5deEL2lGQU0wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEUm9vdDAeFw0yNjExMjUxMzI1MjZaFw0zNjExMjIxMzI1MjZa
MBcxFTATBgNVBAMMDEludGVybWVkaWF0ZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABHSIVcrhQWnFA2BVKV2+ASsvqjFNaSu+9etRNvrOiy/WC6jKapvXJVkGmfWT
wjAmguACtw4OCQ+Ov3a4pbjT8c2jUzBRMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0O
BBYEFNdpD61uR06U/sdDczcbYd1gxC/ZMB8GA1UdIwQYMBaAFFNXz5FD+dIuGCTx
0i+XDl/mzaoPMAoGCCqGSM49BAMCA0gAMEUCIGZeK8Z8DmdYtYRfiq3R3UwHcWZR
pFqOxD3AwJiVGBqwAiEA9kBiRHuX/ssMUykiq4MqbF6m62Z4X4dIbD7UoWA2qTc=
-----END CERTIFICATE-----
)";
constexpr const char* root_pem = R"(-----BEGIN CERTIFICATE-----
MIIBcjCCARmgAwIBAgIUR0rCV55Df7YlvaZahX14WMDlQVgwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEUm9vdDAeFw0yNjExMjUxMzI1MjZaFw0zNjExMjIxMzI1MjZa
MA8xDTALBgNVBAMMBFJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASYuIPw
FgXZ8B8D8WqMNA2iWYLWz+nvCRZ8us55TaJGQuYhJgelzlMOksjdZWF1x3DB51oi
Taf02t/IIcab2mMSo1MwUTAdBgNVHQ4EFgQUU1fPkUP50i4YJPHSL5cOX+bNqg8w
HwYDVR0jBBgwFoAUU1fPkUP50i4YJPHSL5cOX+bNqg8wDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNHADBEAiAkD/yIjCPeqWvtCwVlb8dFaHxPn7vhQyFeV0VD
eB2RcwIgJI2ARWtbNNizc2dyVDkfWPnlLa93VMwFBXHlnqQQwGM=
-----END CERTIFICATE-----
)";

const Chain& shown() {
  static const Chain chain = pki::parse_certificates(std::string(leaf_pem) + intermediate_pem);
  return chain;
}
const pki::Certificate& leaf() {
  return shown()[0];
}
const pki::Certificate& intermediate() {
  return shown()[1];
}
const pki::Certificate& root() {
  static const pki::Certificate certificate = pki::parse_certificates(root_pem).front();
  return certificate;
}
/// Another key, of another type.
const Chain& second_chain() {
  static const Chain chain = pki::parse_certificates(
      test::make_bundle({"mx.example.com"}, pki::PrivateKey::generate(pki::KeyType::rsa_2048)).full_chain());
  return chain;
}

TlsaRecord record(int usage, int selector, int matching_type, std::string data) {
  return {static_cast<std::uint8_t>(usage), static_cast<std::uint8_t>(selector),
          static_cast<std::uint8_t>(matching_type), std::move(data)};
}
/// What a record of that kind for `certificate` holds.
TlsaRecord record_of(int usage, int selector, int matching_type, const pki::Certificate& certificate) {
  const std::string& content = selector == 0 ? certificate.der : certificate.public_key_der;
  return record(usage, selector, matching_type,
                matching_type == 0   ? content
                : matching_type == 1 ? pki::sha256(content)
                                     : pki::sha512(content));
}
TlsaRecord stale(int usage, int selector, int matching_type) {
  return record(usage, selector, matching_type, std::string(matching_type == 1 ? 32 : 64, 'x'));
}

const dns::DnsName mx = dns::DnsName::parse("mx.example.com");

TlsaLookup found(std::vector<TlsaRecord> records, dns::Security security = dns::Security::secure) {
  TlsaLookup lookup{.name = "mx.example.com", .port = 25, .base = mx};
  lookup.answer.status = records.empty() ? dns::AnswerStatus::nodata : dns::AnswerStatus::ok;
  lookup.answer.security = security;
  lookup.answer.tlsa = std::move(records);
  return lookup;
}

std::string judge(const TlsaLookup& lookup, const std::vector<Chain>& chains = {shown()}) {
  const DaneJudgement judgement = judge_tlsa(lookup, chains);
  std::string text(to_string(judgement.status));
  for (const std::size_t i : judgement.unmatched)
    text += " " + std::string(pki::to_string(chains[i].front().key_family.value()));
  return text + (judgement.fragile ? " fragile" : "");
}
std::string judge(std::vector<TlsaRecord> records) {
  return judge(found(std::move(records)));
}

std::vector<std::string> asked(FakeResolver& resolver) {
  std::vector<std::string> questions = resolver.asked();
  std::ranges::sort(questions);
  return questions;
}

}  // namespace

TEST_CASE("usage 3 matches the leaf by certificate or key, whole or hashed, and nothing above it") {
  for (const int selector : {0, 1})
    for (const int matching_type : {0, 1, 2}) {
      CAPTURE(selector, matching_type);
      CHECK(matches(record_of(3, selector, matching_type, leaf()), shown(), mx));
      CHECK_FALSE(matches(record_of(3, selector, matching_type, intermediate()), shown(), mx));
      CHECK_FALSE(matches(record_of(3, selector, matching_type, second_chain().front()), shown(), mx));
    }
}

TEST_CASE("usage 3 does not look at names (RFC 7672 section 3.1.1)") {
  CHECK(matches(record_of(3, 1, 1, leaf()), shown(), dns::DnsName::parse("other.example")));
}

TEST_CASE("usage 2 matches a certificate above the leaf that is shown, and not the leaf") {
  for (const int selector : {0, 1})
    for (const int matching_type : {0, 1, 2}) {
      CAPTURE(selector, matching_type);
      CHECK(matches(record_of(2, selector, matching_type, intermediate()), shown(), mx));
      CHECK_FALSE(matches(record_of(2, selector, matching_type, leaf()), shown(), mx));
    }
}

TEST_CASE("usage 2 needs the name on the leaf (RFC 7672 section 3.1.2)") {
  CHECK(matches(record_of(2, 1, 1, intermediate()), shown(), dns::DnsName::parse("alias.example.com")));
  CHECK_FALSE(matches(record_of(2, 1, 1, intermediate()), shown(), dns::DnsName::parse("other.example")));
}

TEST_CASE("a root that is not shown is found only by a record that holds all of it") {
  for (const int selector : {0, 1}) {
    CAPTURE(selector);
    CHECK(matches(record_of(2, selector, 0, root()), shown(), mx));
    CHECK_FALSE(matches(record_of(2, selector, 1, root()), shown(), mx));
    CHECK_FALSE(matches(record_of(2, selector, 2, root()), shown(), mx));
    const Chain with_root{leaf(), intermediate(), root()};
    CHECK(matches(record_of(2, selector, 1, root()), with_root, mx));
  }
  CHECK_FALSE(matches(record_of(2, 1, 0, second_chain().front()), shown(), mx));
}

TEST_CASE("records that SMTP does not use: usages 0 and 1, unknown numbers, digests of another size, rubbish") {
  for (const TlsaRecord& useless :
       {record_of(0, 1, 1, intermediate()), record_of(1, 1, 1, leaf()), record_of(255, 1, 1, leaf()),
        record(3, 2, 1, std::string(32, 'x')), record(3, 1, 3, std::string(32, 'x')),
        record(3, 1, 1, std::string(31, 'x')), record(3, 1, 2, std::string(32, 'x')), record(3, 1, 1, ""),
        record(3, 1, 0, ""), record(2, 0, 0, "no certificate")}) {
    CAPTURE(to_string(useless));
    CHECK_FALSE(is_usable(useless));
    CHECK_FALSE(matches(useless, shown(), mx));
    CHECK(judge({useless}) == "unusable");
  }
}

TEST_CASE("judgement of an RRset") {
  CHECK(judge({}) == "none");
  CHECK(judge({record_of(3, 1, 1, leaf())}) == "matches");
  CHECK(judge({stale(3, 1, 1)}) == "mismatch ecdsa");
  CHECK(judge({stale(3, 1, 1), record_of(3, 1, 1, leaf())}) == "matches");  // current and next
  CHECK(judge({stale(3, 1, 1), record_of(1, 1, 1, leaf())}) == "mismatch ecdsa");
  CHECK(judge({record_of(2, 1, 1, intermediate())}) == "matches fragile");
  CHECK(judge({record_of(3, 0, 1, leaf())}) == "matches fragile");
  CHECK(judge({record_of(3, 0, 1, leaf()), record_of(3, 1, 1, leaf())}) == "matches");
  CHECK(judge({stale(2, 1, 1), record_of(3, 1, 1, leaf())}) == "matches");
  CHECK(judge(found({stale(3, 1, 1)}, dns::Security::insecure)) == "insecure");
}

TEST_CASE("of the hashes of the same thing only SHA-512 counts, if it is there (RFC 7671 section 9)") {
  CHECK(judge({record_of(3, 1, 1, leaf()), stale(3, 1, 2)}) == "mismatch ecdsa");
  CHECK(judge({stale(3, 1, 1), record_of(3, 1, 2, leaf())}) == "matches");
  CHECK(judge({record_of(3, 1, 1, leaf()), stale(3, 0, 2)}) == "matches");
  CHECK(judge({record_of(3, 1, 1, leaf()), stale(2, 1, 2)}) == "matches");
  CHECK(judge({record_of(3, 1, 0, leaf()), stale(3, 1, 2)}) == "matches");
  CHECK(judge({record_of(3, 1, 1, leaf()), record(3, 1, 2, "cut")}) == "matches");
}

TEST_CASE("every chain that may be shown has to match") {
  const std::vector<Chain> both{shown(), second_chain()};
  const TlsaRecord first = record_of(3, 1, 1, leaf());
  const TlsaRecord second = record_of(3, 1, 1, second_chain().front());
  CHECK(judge(found({first, second}), both) == "matches");
  CHECK(judge(found({first}), both) == "mismatch rsa");
  CHECK(judge(found({second}), both) == "mismatch ecdsa");
  CHECK(judge(found({stale(3, 1, 1)}), both) == "mismatch ecdsa rsa");
}

TEST_CASE("a failed lookup is no answer") {
  TlsaLookup lookup = found({});
  lookup.answer = {.status = dns::AnswerStatus::temporary, .reason = "the DNS answers SERVFAIL"};
  CHECK(judge(lookup) == "unknown");
  lookup.answer = {.status = dns::AnswerStatus::bogus, .security = dns::Security::bogus};
  CHECK(judge(lookup) == "unknown");
}

TEST_CASE("every port of every name is asked for at once") {
  FakeResolver resolver(FakeDns{.tlsa = {{"_25._tcp.mx.example.com", {record_of(3, 1, 1, leaf())}}},
                                .secure = {"TLSA _25._tcp.mx.example.com"}});
  const std::vector<std::string> names{"mx.example.com", "mx2.example.com", "*.example.com"};
  const std::vector<std::uint16_t> ports{25, 465};
  const std::vector<TlsaLookup> lookups = find_tlsa(resolver, names, ports);
  CHECK(resolver.batches() == 1);
  CHECK(asked(resolver) == std::vector<std::string>{"A mx.example.com", "A mx2.example.com",
                                                    "TLSA _25._tcp.mx.example.com", "TLSA _25._tcp.mx2.example.com",
                                                    "TLSA _465._tcp.mx.example.com", "TLSA _465._tcp.mx2.example.com"});
  REQUIRE(lookups.size() == 4);
  CHECK(lookups[0].name == "mx.example.com");
  CHECK(lookups[0].port == 25);
  CHECK(lookups[0].owner().ascii() == "_25._tcp.mx.example.com");
  CHECK(judge(lookups[0]) == "matches");
  CHECK(lookups[1].port == 465);
  CHECK(judge(lookups[1]) == "none");
}

TEST_CASE("a name that leaves no room for the port has no records") {
  FakeResolver resolver(FakeDns{});
  std::string name = "mx.example.com";
  while (name.size() < 240)
    name = "a." + name;
  const std::vector<std::uint16_t> ports{25};
  CHECK(find_tlsa(resolver, std::vector{name + ".au"}, ports).empty());
  CHECK(find_tlsa(resolver, std::vector<std::string>{}, ports).empty());
  CHECK(resolver.batches() == 0);
}

TEST_CASE("where an alias leads, securely, secure records decide before those of the alias (RFC 7672 section 2.2.2)") {
  const std::string alias = "alias.example.com";
  const std::vector<TlsaRecord> good{record_of(3, 1, 1, leaf())};
  const std::vector<TlsaRecord> bad{stale(3, 1, 1)};
  const auto judged = [&](FakeDns table) {
    table.cname = {{alias, "mx.example.com"}};
    table.addresses = {{"mx.example.com", {"192.0.2.1"}}};
    FakeResolver resolver(std::move(table));
    const TlsaLookup lookup = find_tlsa(resolver, std::vector{alias}, std::vector<std::uint16_t>{25}).at(0);
    return lookup.owner().ascii() + " " + judge(lookup);
  };
  const std::string there = "_25._tcp.mx.example.com";
  const std::string here = "_25._tcp.alias.example.com";
  const std::set<std::string> all{alias, "mx.example.com", there, here};
  CHECK(judged({.tlsa = {{here, bad}, {there, good}}, .secure = all}) == there + " matches");
  CHECK(judged({.tlsa = {{here, good}}, .secure = all}) == here + " matches");
  CHECK(judged({.tlsa = {{here, bad}, {there, good}}, .secure = {alias, here, there}}) == here + " mismatch ecdsa");
  CHECK(judged({.tlsa = {{here, bad}, {there, good}}, .secure = {alias, "mx.example.com", here}}) ==
        here + " mismatch ecdsa");
  CHECK(judged({.tlsa = {{here, good}}, .servfail = {there}, .secure = all}) == there + " unknown");
  CHECK(judged({.tlsa = {{here, good}}, .bogus = {"A " + alias}, .secure = all}) == here + " unknown");
}

TEST_CASE("a CNAME at the records' name is followed, and does not change the name that is compared") {
  FakeResolver resolver(FakeDns{.tlsa = {{"records.example.com", {record_of(2, 1, 1, intermediate())}}},
                                .cname = {{"_25._tcp.mx.example.com", "records.example.com"}},
                                .secure = {"_25._tcp.mx.example.com", "records.example.com"}});
  const TlsaLookup lookup =
      find_tlsa(resolver, std::vector<std::string>{"mx.example.com"}, std::vector<std::uint16_t>{25}).at(0);
  CHECK(lookup.owner().ascii() == "records.example.com");
  CHECK(judge(lookup) == "matches fragile");
}

TEST_CASE("the record to publish, as a zone file has it") {
  CHECK(zone_line(*dns::DnsName::parse_host("_25._tcp.mx.example.com"), record_for(leaf())) ==
        "_25._tcp.mx.example.com. IN TLSA 3 1 1 " + leaf().spki_sha256);
  CHECK(matches(record_for(leaf()), shown(), mx));
  CHECK(record_for(leaf(), std::vector{stale(3, 1, 1)}) == record_of(3, 1, 1, leaf()));
  CHECK(record_for(leaf(), std::vector{stale(3, 0, 2), stale(2, 1, 2)}) == record_of(3, 1, 1, leaf()));
  CHECK(record_for(leaf(), std::vector{stale(3, 1, 2)}) == record_of(3, 1, 2, leaf()));
}
