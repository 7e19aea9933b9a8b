#pragma once
#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace mxcert::pki {

class PrivateKey;

/// A certificate of `key` for `names` (subjectAltName, and the first as common name), signed by itself, in PEM. With a
/// `key_authorization` it is the answer to a tls-alpn-01 challenge: RFC 8737 §3, critical acmeIdentifier.
std::string make_self_signed(const PrivateKey& key, std::span<const std::string> names, SystemTime not_before,
                             std::chrono::seconds lifetime, std::string_view key_authorization = {});

}  // namespace mxcert::pki
