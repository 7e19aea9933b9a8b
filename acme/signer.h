#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace mxcert::acme {

/// The account key as "sign these bytes": the private half stays wherever `sign` has it. The key of a certificate is
/// even further away, behind a finished CSR. So what talks to the network can run where no key is.
struct Signer {
  std::string public_key_der = {};  // SubjectPublicKeyInfo (RFC 5280 §4.1): P-256, P-384 or RSA
  /// What OpenSSL makes of `data`: a DER SEQUENCE of r and s for ECDSA, PKCS #1 v1.5 for RSA; with SHA-384 for P-384
  /// and SHA-256 otherwise.
  std::function<std::string(std::string_view data)> sign = {};
};

/// An account that exists elsewhere, on the CA's site, and the secret shared with it, as "authenticate these bytes".
/// RFC 8555 §7.3.4.
struct ExternalAccount {
  std::string key_id = {};                                              // as the CA gave it
  std::string algorithm = {};                                           // HS256, HS384 or HS512 (RFC 7518 §3.1)
  std::function<std::string(std::string_view data)> authenticate = {};  // HMAC with that algorithm's hash
};

}  // namespace mxcert::acme
