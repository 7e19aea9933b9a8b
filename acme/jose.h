#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace mxcert::acme {

struct ExternalAccount;
struct Signer;

/// The public half of an account key as JOSE has it.
struct Jwk {
  std::string algorithm = {};       // ES256, ES384 or RS256 (RFC 7518 §3.1)
  std::string json = {};            // the required members in lexical order, no white space: what RFC 7638 §3 hashes
  std::string thumbprint = {};      // base64url of the SHA-256 of `json`
  std::size_t signature_bytes = 0;  // of a signature as JOSE has it: r and s side by side, or the RSA modulus
};

/// Throws Error for anything but an ECDSA key on P-256 or P-384, or an RSA key of at least 2048 bits.
Jwk parse_public_key(std::string_view subject_public_key_info);

/// What the CA expects to find for `token`: RFC 8555 §8.1.
std::string key_authorization(std::string_view token, const Jwk& key);

/// What goes into the protected header besides `alg` (RFC 8555 §6.2). Empty fields are left out; without `key_id` the
/// key itself is put in as `jwk`.
struct JwsHeader {
  std::string url = {};
  std::string nonce = {};
  std::string key_id = {};  // the account's URL
};

/// `payload`, signed, as a flattened JWS in JSON (RFC 7515 §7.2.2). An empty payload is POST-as-GET.
/// Throws Error when `sign` fails or returns something that is not a signature of this key's kind.
std::string sign_jws(const Signer& signer, const Jwk& key, const JwsHeader& header, std::string_view payload);

/// `key`, bound to the external account, as the request to `url` carries it: a flattened JWS in JSON (RFC 8555 §7.3.4).
std::string bind_external_account(const ExternalAccount& account, const Jwk& key, std::string_view url);

}  // namespace mxcert::acme
