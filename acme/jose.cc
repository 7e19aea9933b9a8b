#include "acme/jose.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <nlohmann/json.hpp>

#include "acme/signer.h"
#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"

namespace mxcert::acme {
namespace {

using KeyHandle = Handle<EVP_PKEY, EVP_PKEY_free>;
using NumberHandle = Handle<BIGNUM, BN_free>;
using SignatureHandle = Handle<ECDSA_SIG, ECDSA_SIG_free>;

[[noreturn]] void throw_unusable_key() {
  ERR_clear_error();
  throw Error("the account key is of a kind that ACME cannot use",
              "use an ECDSA key on P-256 or P-384, or an RSA key of at least 2048 bits");
}

NumberHandle key_number(const EVP_PKEY& key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(&key, name, &number) != 1) throw_unusable_key();
  return NumberHandle(number);
}

/// Big-endian, with leading zeros up to `size`.
std::string to_bytes(const BIGNUM& number, std::size_t size) {
  std::string bytes(size, '\0');
  if (BN_bn2binpad(&number, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) < 0)
    throw Error("a number in the account key's signature is too large for the key");
  return bytes;
}

std::string encoded_number(const EVP_PKEY& key, const char* name, std::size_t size) {
  return to_base64url(to_bytes(*key_number(key, name), size));
}

std::string sha256(std::string_view data) {
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
    throw Error("OpenSSL cannot hash with SHA-256");
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

Jwk make_jwk(std::string algorithm, std::string json, std::size_t signature_bytes) {
  std::string thumbprint = to_base64url(sha256(json));
  return {.algorithm = std::move(algorithm),
          .json = std::move(json),
          .thumbprint = std::move(thumbprint),
          .signature_bytes = signature_bytes};
}

/// RFC 7518 §6.2.1.
Jwk make_ec_jwk(const EVP_PKEY& key) {
  std::array<char, 64> group{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(&key, group.data(), group.size(), &length) != 1) throw_unusable_key();
  const std::string_view name(group.data(), length);
  const bool p256 = name == "prime256v1" || name == "P-256";
  const bool p384 = name == "secp384r1" || name == "P-384";
  if (!p256 && !p384) throw_unusable_key();
  const std::size_t size = p256 ? 32 : 48;
  return make_jwk(p256 ? "ES256" : "ES384",
                  fmt::format(R"({{"crv":"{}","kty":"EC","x":"{}","y":"{}"}})", p256 ? "P-256" : "P-384",
                              encoded_number(key, OSSL_PKEY_PARAM_EC_PUB_X, size),
                              encoded_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, size)),
                  2 * size);
}

/// RFC 7518 §6.3.1: without leading zeros.
Jwk make_rsa_jwk(const EVP_PKEY& key) {
  if (EVP_PKEY_get_bits(&key) < 2048) throw_unusable_key();
  const NumberHandle modulus = key_number(key, OSSL_PKEY_PARAM_RSA_N);
  const NumberHandle exponent = key_number(key, OSSL_PKEY_PARAM_RSA_E);
  const auto size = [](const BIGNUM& number) { return static_cast<std::size_t>(BN_num_bytes(&number)); };
  return make_jwk(
      "RS256",
      fmt::format(R"({{"e":"{}","kty":"RSA","n":"{}"}})", to_base64url(to_bytes(*exponent, size(*exponent))),
                  to_base64url(to_bytes(*modulus, size(*modulus)))),
      size(*modulus));
}

/// r and s side by side, each as long as the curve's order (RFC 7518 §3.4).
std::string to_raw_ecdsa(std::string_view der, std::size_t signature_bytes) {
  const auto* position = reinterpret_cast<const unsigned char*>(der.data());
  const auto* end = position + der.size();
  const SignatureHandle signature(d2i_ECDSA_SIG(nullptr, &position, static_cast<long>(der.size())));
  if (!signature || position != end) {
    ERR_clear_error();
    throw Error("the account key's signature is not an ECDSA signature in DER");
  }
  const std::size_t size = signature_bytes / 2;
  return to_bytes(*ECDSA_SIG_get0_r(signature.get()), size) + to_bytes(*ECDSA_SIG_get0_s(signature.get()), size);
}

std::string sign_raw(const Signer& signer, const Jwk& key, std::string_view input) {
  std::string signature = signer.sign(input);
  if (key.algorithm != "RS256") return to_raw_ecdsa(signature, key.signature_bytes);
  if (signature.size() != key.signature_bytes) throw Error("the account key's signature is not as long as its modulus");
  return signature;
}

std::string protected_header(const Jwk& key, const JwsHeader& header) {
  nlohmann::json fields{{"alg", key.algorithm}};
  if (!header.nonce.empty()) fields["nonce"] = header.nonce;
  if (!header.url.empty()) fields["url"] = header.url;
  if (header.key_id.empty())
    fields["jwk"] = nlohmann::json::parse(key.json);
  else
    fields["kid"] = header.key_id;
  return fields.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Jwk parse_public_key(std::string_view subject_public_key_info) {
  const auto* position = reinterpret_cast<const unsigned char*>(subject_public_key_info.data());
  const KeyHandle key(d2i_PUBKEY(nullptr, &position, static_cast<long>(subject_public_key_info.size())));
  if (key && EVP_PKEY_is_a(key.get(), "EC") == 1) return make_ec_jwk(*key);
  if (key && EVP_PKEY_is_a(key.get(), "RSA") == 1) return make_rsa_jwk(*key);
  throw_unusable_key();
}

std::string key_authorization(std::string_view token, const Jwk& key) {
  return fmt::format("{}.{}", token, key.thumbprint);
}

std::string sign_jws(const Signer& signer, const Jwk& key, const JwsHeader& header, std::string_view payload) {
  const std::string protected_part = to_base64url(protected_header(key, header));
  const std::string payload_part = to_base64url(payload);
  const std::string signature = to_base64url(sign_raw(signer, key, protected_part + "." + payload_part));
  return fmt::format(R"({{"protected":"{}","payload":"{}","signature":"{}"}})", protected_part, payload_part,
                     signature);
}

std::string bind_external_account(const ExternalAccount& account, const Jwk& key, std::string_view url) {
  const nlohmann::json header{{"alg", account.algorithm}, {"kid", account.key_id}, {"url", url}};
  const std::string protected_part =
      to_base64url(header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const std::string payload_part = to_base64url(key.json);
  return fmt::format(R"({{"protected":"{}","payload":"{}","signature":"{}"}})", protected_part, payload_part,
                     to_base64url(account.authenticate(protected_part + "." + payload_part)));
}

}  // namespace mxcert::acme
