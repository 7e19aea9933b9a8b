#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "deploy/tls_server.h"
#include "pki/certificate.h"
#include "pki/key.h"
#include "self_signed.h"

namespace mxcert::test {

/// A new key and a self-signed certificate for `names`, valid now.
inline pki::CertificateBundle make_bundle(const std::vector<std::string>& names, const pki::PrivateKey& key) {
  const SystemTime start = std::chrono::system_clock::now() - std::chrono::hours(1);
  return {
      .private_key = key.to_pem(), .leaf = make_self_signed(key, names, start, std::chrono::hours(24)), .chain = {}};
}
inline pki::CertificateBundle make_bundle(const std::vector<std::string>& names) {
  return make_bundle(names, pki::PrivateKey::generate(pki::KeyType::ecdsa_p256));
}
inline Credentials credentials_of(const pki::CertificateBundle& bundle) {
  return {.private_key = bundle.private_key, .chain = bundle.full_chain()};
}
inline std::string fingerprint_of(const pki::CertificateBundle& bundle) {
  return pki::parse_certificates(bundle.leaf).front().sha256_fingerprint;
}

}  // namespace mxcert::test
