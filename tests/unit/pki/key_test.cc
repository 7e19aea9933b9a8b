#include "pki/key.h"

#include "base/error.h"
#include "base/text.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::pki;

TEST_CASE("keys of every type survive being written and read") {
  const auto type = GENERATE(KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::rsa_2048, KeyType::rsa_3072);
  const auto key = PrivateKey::generate(type);
  const auto again = PrivateKey::from_pem(key.to_pem());
  CHECK(again.type() == type);
  CHECK(again.public_key_der() == key.public_key_der());
  CHECK(parse_key_type(to_string(type)) == type);
  CHECK_FALSE(key.sign("data").empty());
}

TEST_CASE("what is no usable key is refused with the reason") {
  CHECK_THROWS_AS(PrivateKey::from_pem(""), Error);
  CHECK_THROWS_AS(PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), Error);
  // openssl genpkey -algorithm ed25519: valid, but no CA of the web takes it
  CHECK_THROWS_WITH(PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\n"
                                         "MC4CAQAwBQYDK2VwBCIEIJ3gZ+2Zo8ymWVzVdrM4kIA2TXSkQ0d5bqgkpsVY2HCo\n"
                                         "-----END PRIVATE KEY-----\n"),
                    ContainsSubstring("not supported"));
  CHECK_FALSE(parse_key_type("rsa-1024"));
}

TEST_CASE("a key type belongs to the family that TLS clients choose between") {
  CHECK(family_of(KeyType::ecdsa_p256) == KeyFamily::ecdsa);
  CHECK(family_of(KeyType::ecdsa_p384) == KeyFamily::ecdsa);
  CHECK(family_of(KeyType::rsa_4096) == KeyFamily::rsa);
  CHECK(parse_key_family("rsa") == KeyFamily::rsa);
  CHECK(parse_key_family("ecdsa") == KeyFamily::ecdsa);
  CHECK_FALSE(parse_key_family("RSA"));
}

TEST_CASE("SHA-256 of the empty string") {
  CHECK(to_hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("SHA-512 of abc (RFC 6234 section 8.5)") {
  CHECK(to_hex(sha512("abc")).substr(0, 32) == "ddaf35a193617abacc417349ae204131");
  CHECK(sha512("").size() == 64);
}

TEST_CASE("HMAC, by the test vectors of RFC 4231 section 4.3") {
  const std::string_view data = "what do ya want for nothing?";
  CHECK(to_hex(hmac(256, "Jefe", data)) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(to_hex(hmac(384, "Jefe", data)).substr(0, 32) == "af45d2e376484031617f78d2b58a6b1b");
  CHECK(to_hex(hmac(512, "Jefe", data)).substr(0, 32) == "164b7a7bfcf819e2e395fbe73b56e0a3");
}
