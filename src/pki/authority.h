#pragma once
#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "pki/certificate.h"

// A CA of our own.
namespace mxcert::pki {

/// The CA's certificate, signed by itself, in PEM. Whoever trusts it trusts the key with TLS servers and nothing else:
/// keyCertSign for serverAuth only, path length 0 so that it can make no other CA (RFC 5280 §4.2.1.3, .9, .12).
/// No name constraints: names come and go, and who trusts it would have to be given another one each time.
std::string make_authority(const PrivateKey& key, std::string_view common_name, SystemTime not_before,
                           std::chrono::seconds lifetime);

/// A TLS server's certificate for the public half of `key` and `names`, signed by `authority`, whose key is
/// `authority_key`, in PEM. It does not outlive the authority.
std::string issue_certificate(const PrivateKey& authority_key, const Certificate& authority, const PrivateKey& key,
                              std::span<const std::string> names, SystemTime not_before, std::chrono::seconds lifetime);

}  // namespace mxcert::pki
