#include "app/dane.h"

#include "catch.h"
#include "fake_clock.h"
#include "self_signed.h"

using namespace mxcert;

TEST_CASE("for what nobody trusts unasked there is a record for each name") {
  test::FakeClock clock;
  const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  const std::vector<std::string> names{"mx.example.com"};
  const std::string pem = test::make_self_signed(key, names, clock.now(), std::chrono::hours(24));
  const pki::Certificate leaf = pki::parse_certificates(pem).front();
  const store::Version version{
      .number = "0001", .bundle = {.private_key = key.to_pem(), .leaf = pem, .chain = {}}, .leaf = leaf, .record = {}};
  CHECK(app::tlsa_records(version) ==
        std::vector<std::string>{"_25._tcp.mx.example.com. IN TLSA 3 1 1 " + leaf.spki_sha256});
}
