#include "pki/key.h"

#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <cstring>

#include "base/error.h"
#include "base/name_table.h"
#include "pki/openssl.h"

namespace mxcert::pki {
namespace {

constexpr auto type_names = name_table<KeyType>({
    {KeyType::ecdsa_p256, "ecdsa-p256"},
    {KeyType::ecdsa_p384, "ecdsa-p384"},
    {KeyType::rsa_2048, "rsa-2048"},
    {KeyType::rsa_3072, "rsa-3072"},
    {KeyType::rsa_4096, "rsa-4096"},
});
constexpr auto family_names = name_table<KeyFamily>({{KeyFamily::ecdsa, "ecdsa"}, {KeyFamily::rsa, "rsa"}});

EVP_PKEY* generate_native(KeyType type) {
  switch (type) {
    case KeyType::ecdsa_p256:
      return EVP_EC_gen("P-256");
    case KeyType::ecdsa_p384:
      return EVP_EC_gen("P-384");
    case KeyType::rsa_2048:
      return EVP_RSA_gen(2048);
    case KeyType::rsa_3072:
      return EVP_RSA_gen(3072);
    case KeyType::rsa_4096:
      return EVP_RSA_gen(4096);
  }
  return nullptr;
}

/// An encrypted key must not make OpenSSL ask the terminal.
int refuse_passphrase(char*, int, int, void*) {
  return -1;
}

std::string digest_of(std::string_view data, const EVP_MD* algorithm) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(data.data(), data.size(), digest.data(), &length, algorithm, nullptr) != 1)
    throw_openssl_error("cannot hash");
  return std::string(reinterpret_cast<const char*>(digest.data()), length);
}

}  // namespace

std::optional<KeyType> find_key_type(const EVP_PKEY& key) {
  if (EVP_PKEY_is_a(&key, "EC") == 1) {
    std::array<char, 64> group{};
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(&key, group.data(), group.size(), &length) != 1) return std::nullopt;
    const std::string_view name(group.data(), length);
    if (name == "prime256v1" || name == "P-256") return KeyType::ecdsa_p256;
    if (name == "secp384r1" || name == "P-384") return KeyType::ecdsa_p384;
    return std::nullopt;
  }
  if (EVP_PKEY_is_a(&key, "RSA") == 1) {
    switch (EVP_PKEY_get_bits(&key)) {
      case 2048:
        return KeyType::rsa_2048;
      case 3072:
        return KeyType::rsa_3072;
      case 4096:
        return KeyType::rsa_4096;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<KeyType> parse_key_type(std::string_view text) {
  return value_of(type_names, text);
}

std::string_view to_string(KeyType type) {
  return name_of(type_names, type);
}

KeyFamily family_of(KeyType type) {
  return type == KeyType::ecdsa_p256 || type == KeyType::ecdsa_p384 ? KeyFamily::ecdsa : KeyFamily::rsa;
}

std::optional<KeyFamily> parse_key_family(std::string_view text) {
  return value_of(family_names, text);
}

std::string_view to_string(KeyFamily family) {
  return name_of(family_names, family);
}

PrivateKey PrivateKey::generate(KeyType type) {
  KeyHandle key(generate_native(type));
  if (!key) throw_openssl_error(fmt::format("cannot generate a key of type {}", to_string(type)));
  return PrivateKey(std::move(key));
}

PrivateKey PrivateKey::from_pem(std::string_view pem) {
  const BioHandle bio = bio_over(pem);
  KeyHandle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, nullptr));
  if (!key) throw_openssl_error("not a private key in PEM without passphrase");
  if (!find_key_type(*key))
    throw Error("the private key is of a type that is not supported",
                "use an ECDSA key on P-256 or P-384, or an RSA key of 2048, 3072 or 4096 bits");
  return PrivateKey(std::move(key));
}

std::string PrivateKey::to_pem() const {
  const BioHandle bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    throw_openssl_error("cannot encode the private key");
  return bio_content(*bio);
}

KeyType PrivateKey::type() const {
  return find_key_type(*key_).value();
}

std::string PrivateKey::public_key_der() const {
  return to_der<i2d_PUBKEY>(*key_);
}

std::string PrivateKey::sign(std::string_view data) const {
  const Handle<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  const EVP_MD* digest = type() == KeyType::ecdsa_p384 ? EVP_sha384() : EVP_sha256();
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  std::size_t length = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &length, bytes, data.size()) != 1)
    throw_openssl_error("cannot sign");
  std::string signature(length, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, bytes, data.size()) !=
      1)
    throw_openssl_error("cannot sign");
  signature.resize(length);
  return signature;
}

std::string hmac(int sha_bits, std::string_view key, std::string_view data) {
  const std::string digest_name = fmt::format("SHA{}", sha_bits);
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  std::size_t length = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, digest_name.c_str(), nullptr, key.data(), key.size(),
                reinterpret_cast<const unsigned char*>(data.data()), data.size(), code.data(), code.size(),
                &length) == nullptr)
    throw_openssl_error("cannot make a message authentication code");
  return std::string(reinterpret_cast<const char*>(code.data()), length);
}

std::string sha256(std::string_view data) {
  return digest_of(data, EVP_sha256());
}

std::string sha512(std::string_view data) {
  return digest_of(data, EVP_sha512());
}

}  // namespace mxcert::pki
