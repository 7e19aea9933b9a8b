#pragma once
#include <span>
#include <string>

namespace mxcert::pki {

class PrivateKey;

/// A PKCS #10 request in DER for exactly `names` as dNSName subjectAltNames: empty subject, no common name, no key
/// usage (CAs refuse requests that ask for more than they give). RFC 2986, RFC 8555 §7.4.
std::string make_csr(const PrivateKey& key, std::span<const std::string> names);

}  // namespace mxcert::pki
