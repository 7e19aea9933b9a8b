#pragma once
#include <string>
#include <string_view>

#include "base/clock.h"
#include "pki/openssl.h"

// For the .cc files of this folder only: a certificate in the making.
namespace mxcert::pki {

class PrivateKey;

/// With the public half of `key`, a random serial number and no name.
X509Handle begin_certificate(const PrivateKey& key, SystemTime not_before, SystemTime not_after);
/// Sets the common name of a subject or issuer; what does not fit (64 bytes, RFC 5280 appendix A) is cut off.
void set_common_name(X509_NAME& name, std::string_view text);
/// As in OpenSSL's configuration files: `critical,CA:FALSE`. `issuer`: whose key identifier may be referred to.
void add_extension(X509& x509, const X509& issuer, int nid, const char* value);
void add_extension(X509& x509, const ExtensionHandle& extension);
/// Signs it and returns it in PEM.
std::string finish_certificate(X509& x509, const PrivateKey& signing_key);

}  // namespace mxcert::pki
