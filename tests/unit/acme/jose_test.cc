#include "acme/jose.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <nlohmann/json.hpp>

#include "acme/signer.h"
#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"
#include "catch.h"
#include "pki/key.h"
#include "pki/openssl.h"

using namespace mxcert;

namespace {

using KeyHandle = Handle<EVP_PKEY, EVP_PKEY_free>;
using NumberHandle = Handle<BIGNUM, BN_free>;
using SignatureHandle = Handle<ECDSA_SIG, ECDSA_SIG_free>;

BIGNUM* to_number(std::string_view bytes) {
  return BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr);
}

std::string to_public_key_der(const char* type, OSSL_PARAM_BLD& builder) {
  const Handle<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(&builder));
  const Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  REQUIRE(EVP_PKEY_fromdata_init(context.get()) == 1);
  REQUIRE(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1);
  const KeyHandle owned(key);
  return pki::to_der<i2d_PUBKEY>(*key);
}

std::string rsa_key_der(std::string_view n, std::string_view e) {
  const NumberHandle modulus(to_number(from_base64url(n).value()));
  const NumberHandle exponent(to_number(from_base64url(e).value()));
  const Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  return to_public_key_der("RSA", *builder);
}

std::string p256_key_der(std::string_view x, std::string_view y) {
  const std::string point = "\x04" + from_base64url(x).value() + from_base64url(y).value();
  const Handle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return to_public_key_der("EC", *builder);
}

/// r and s side by side → DER.
std::string to_der_signature(std::string_view raw) {
  const SignatureHandle signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), to_number(raw.substr(0, raw.size() / 2)), to_number(raw.substr(raw.size() / 2)));
  return pki::to_der<i2d_ECDSA_SIG>(*signature);
}

acme::Signer signer_of(const pki::PrivateKey& key) {
  return {.public_key_der = key.public_key_der(), .sign = [&key](std::string_view data) { return key.sign(data); }};
}

bool verifies(const pki::PrivateKey& key, const EVP_MD* digest, std::string_view input, std::string signature) {
  if (key.type() != pki::KeyType::rsa_2048) signature = to_der_signature(signature);
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  REQUIRE(EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, &key.native()) == 1);
  return EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                          reinterpret_cast<const unsigned char*>(input.data()), input.size()) == 1;
}

}  // namespace

TEST_CASE("the thumbprint of RFC 7638's key is the one that RFC 7638 gives") {
  const auto key = acme::parse_public_key(rsa_key_der(
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
      "BJECPebWKRXjBZCiFV4n3oknjhMs"
      "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
      "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr"
      "n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
      "AQAB"));
  CHECK(key.thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  CHECK(key.algorithm == "RS256");
}

TEST_CASE("a DER signature becomes the raw one of RFC 7515 A.3") {
  const std::string raw = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
  const std::string der = to_der_signature(from_base64url(raw).value());
  const std::string public_key =
      p256_key_der("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
  const auto key = acme::parse_public_key(public_key);
  CHECK(
      key.json ==
      R"({"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})");
  const acme::Signer signer{.public_key_der = public_key, .sign = [&](std::string_view) { return der; }};
  const auto jws = nlohmann::json::parse(acme::sign_jws(signer, key, {.url = "https://ca.test/"}, ""));
  CHECK(jws["signature"] == raw);
}

TEST_CASE("numbers of a signature that begin with zeros keep their place") {
  std::string raw(64, '\x01');
  raw[0] = raw[1] = raw[32] = '\0';
  const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  const acme::Signer signer{.public_key_der = key.public_key_der(),
                            .sign = [&](std::string_view) { return to_der_signature(raw); }};
  const auto jws = nlohmann::json::parse(acme::sign_jws(signer, acme::parse_public_key(signer.public_key_der), {}, ""));
  CHECK(from_base64url(jws["signature"].get<std::string>()) == raw);
}

TEST_CASE("each kind of account key signs what its public key verifies") {
  struct Kind {
    pki::KeyType type;
    std::string algorithm;
    const EVP_MD* digest;
    std::size_t bytes;
  };
  const std::vector<Kind> kinds{{pki::KeyType::ecdsa_p256, "ES256", EVP_sha256(), 64},
                                {pki::KeyType::ecdsa_p384, "ES384", EVP_sha384(), 96},
                                {pki::KeyType::rsa_2048, "RS256", EVP_sha256(), 256}};
  for (const Kind& kind : kinds) {
    INFO(kind.algorithm);
    const auto key = pki::PrivateKey::generate(kind.type);
    const auto jwk = acme::parse_public_key(key.public_key_der());
    const auto jws = nlohmann::json::parse(
        acme::sign_jws(signer_of(key), jwk, {.url = "https://ca.test/x", .nonce = "n1"}, R"({"a":1})"));
    const auto header = nlohmann::json::parse(from_base64url(jws["protected"].get<std::string>()).value());
    CHECK(header == nlohmann::json{{"alg", kind.algorithm},
                                   {"jwk", nlohmann::json::parse(jwk.json)},
                                   {"nonce", "n1"},
                                   {"url", "https://ca.test/x"}});
    CHECK(from_base64url(jws["payload"].get<std::string>()) == R"({"a":1})");
    const std::string signature = from_base64url(jws["signature"].get<std::string>()).value();
    CHECK(signature.size() == kind.bytes);
    const std::string input = jws["protected"].get<std::string>() + "." + jws["payload"].get<std::string>();
    CHECK(verifies(key, kind.digest, input, signature));
    CHECK_FALSE(verifies(key, kind.digest, input + "x", signature));
  }
}

TEST_CASE("an account with a URL signs with the URL and not with its key") {
  const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  const auto jws = nlohmann::json::parse(acme::sign_jws(signer_of(key), acme::parse_public_key(key.public_key_der()),
                                                        {.key_id = "https://ca.test/1"}, ""));
  const auto header = nlohmann::json::parse(from_base64url(jws["protected"].get<std::string>()).value());
  CHECK(header == nlohmann::json{{"alg", "ES256"}, {"kid", "https://ca.test/1"}});
  CHECK(jws["payload"] == "");
}

TEST_CASE("keys and signatures that ACME cannot use are refused") {
  CHECK_THROWS_AS(acme::parse_public_key("no key"), Error);
  CHECK_THROWS_AS(acme::parse_public_key(""), Error);
  const Handle<EVP_PKEY, EVP_PKEY_free> small(EVP_RSA_gen(1024));
  CHECK_THROWS_WITH(acme::parse_public_key(pki::to_der<i2d_PUBKEY>(*small)), ContainsSubstring("cannot use"));
  const Handle<EVP_PKEY, EVP_PKEY_free> edwards(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  CHECK_THROWS_AS(acme::parse_public_key(pki::to_der<i2d_PUBKEY>(*edwards)), Error);

  const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  const auto jwk = acme::parse_public_key(key.public_key_der());
  const auto other = pki::PrivateKey::generate(pki::KeyType::ecdsa_p384);
  CHECK_THROWS_AS(acme::sign_jws({.sign = [](std::string_view) { return "junk"; }}, jwk, {}, ""), Error);
  CHECK_THROWS_AS(acme::sign_jws(signer_of(other), jwk, {}, ""), Error);
  CHECK_THROWS_AS(acme::sign_jws({.sign = [&](auto data) { return key.sign(data) + "x"; }}, jwk, {}, ""), Error);
}

TEST_CASE("a key authorization is token and thumbprint with a dot between") {
  CHECK(acme::key_authorization("tok", {.thumbprint = "print"}) == "tok.print");
}
