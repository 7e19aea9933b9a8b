#pragma once
#include <openssl/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/handle.h"

extern "C" void EVP_PKEY_free(EVP_PKEY* key);

namespace mxcert::pki {

/// The key types the configuration knows.
enum class KeyType { ecdsa_p256, ecdsa_p384, rsa_2048, rsa_3072, rsa_4096 };

/// `ecdsa-p256`, `rsa-2048`, …; empty for anything else.
std::optional<KeyType> parse_key_type(std::string_view text);
std::string_view to_string(KeyType type);

/// What a TLS client chooses between when a server has several certificates: the algorithm that the key signs with.
enum class KeyFamily { ecdsa, rsa };

KeyFamily family_of(KeyType type);
/// `ecdsa`, `rsa`; empty for anything else.
std::optional<KeyFamily> parse_key_family(std::string_view text);
std::string_view to_string(KeyFamily family);

/// A private key, of a certificate or of an account. Never leaves the process but as PEM into a file of mode 0600 or
/// what a daemon needs.
class PrivateKey {
 public:
  static PrivateKey generate(KeyType type);
  /// PKCS#8 or the traditional forms, the first key in `pem`; throws Error when there is none, when it is encrypted, or
  /// of a type that is not a KeyType.
  static PrivateKey from_pem(std::string_view pem);

  /// PKCS#8.
  std::string to_pem() const;
  KeyType type() const;
  /// The public half as DER SubjectPublicKeyInfo (RFC 5280 §4.1).
  std::string public_key_der() const;
  /// The signature over `data` as OpenSSL makes it: DER SEQUENCE of r and s for ECDSA, PKCS #1 v1.5 for RSA; with
  /// SHA-384 for P-384 and SHA-256 otherwise.
  std::string sign(std::string_view data) const;

  EVP_PKEY& native() const { return *key_; }

 private:
  using KeyHandle = Handle<EVP_PKEY, EVP_PKEY_free>;
  explicit PrivateKey(KeyHandle key) : key_(std::move(key)) {}
  KeyHandle key_;
};

/// Of a private or a public key; empty for a type that is not a KeyType.
std::optional<KeyType> find_key_type(const EVP_PKEY& key);

/// HMAC (RFC 2104) with SHA-256, SHA-384 or SHA-512, by their number of bits.
std::string hmac(int sha_bits, std::string_view key, std::string_view data);

std::string sha256(std::string_view data);  // 32 bytes
std::string sha512(std::string_view data);  // 64 bytes

}  // namespace mxcert::pki
