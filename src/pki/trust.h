#pragma once
#include <span>
#include <string>

#include "base/clock.h"
#include "pki/certificate.h"

namespace mxcert::pki {

/// Why who trusts this host's roots (SSL_CERT_FILE and SSL_CERT_DIR say where others are) would not trust `chain`, leaf
/// first, as a server's, in the words of OpenSSL; empty when all is well. Throws Error when a certificate cannot be
/// read.
std::string find_trust_problem(std::span<const Certificate> chain, SystemTime now);

}  // namespace mxcert::pki
