#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace mxcert::pki {

class PrivateKey;
enum class KeyFamily;
enum class KeyType;

/// What an X.509 certificate says, as far as it matters here.
struct Certificate {
  std::string der;
  std::string pem;
  std::vector<std::string> names;  // dNSName subjectAltNames, lower case, in its order
  SystemTime not_before;
  SystemTime not_after;
  std::string serial;   // hexadecimal
  std::string subject;  // RFC 2253, for people
  std::string issuer;
  std::string issuer_common_name;       // printable; empty when it has none
  std::string public_key_der;           // SubjectPublicKeyInfo
  std::optional<KeyFamily> key_family;  // of the public key; empty when it is neither
  std::optional<KeyType> key_type;      // the same; empty when it is none of ours
  std::string authority_key_id;         // hexadecimal, empty when absent
  std::string renewal_id;          // its name in renewal information, RFC 9773 §4.1; empty when it cannot have one
  std::string sha256_fingerprint;  // of the DER, hexadecimal, lower case
  std::string spki_sha256;         // of public_key_der, hexadecimal: the data of a TLSA 3 1 1 record

  std::chrono::seconds lifetime() const;
};

/// All certificates in `pem`, in order; text around them is ignored. Throws Error when one cannot be parsed, when
/// there is none, or when there are more than 20.
std::vector<Certificate> parse_certificates(std::string_view pem);
Certificate parse_certificate_der(std::string_view der);

/// Whether a sender that asks for `host` accepts the certificate's names (RFC 9525 §6.3: a wildcard is the whole first
/// label and stands for exactly one label).
bool covers(const Certificate& certificate, std::string_view host);

/// Whether the signature of `certificate` is made by the private half of `public_key_der` (SubjectPublicKeyInfo); false
/// for what is no such thing.
bool is_signed_by(const Certificate& certificate, std::string_view public_key_der);

/// Law 4: throws Error saying what is wrong unless the first certificate is for `key`, holds every one of `names`, is
/// valid at `now`, and each certificate is issued and signed by the next.
void check_chain(std::span<const Certificate> chain, const PrivateKey& key, std::span<const std::string> names,
                 SystemTime now);

/// Key and chain as PEM texts: what a daemon is given. Files of a certificate version have these contents.
struct CertificateBundle {
  std::string private_key;  // PKCS#8
  std::string leaf;
  std::string chain;  // without the leaf; may be empty

  std::string full_chain() const { return leaf + chain; }
  std::string key_and_chain() const { return private_key + leaf + chain; }
};

}  // namespace mxcert::pki
