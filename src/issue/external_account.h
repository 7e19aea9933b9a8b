#pragma once
#include <optional>

#include "acme/signer.h"

namespace mxcert::config {
struct CaConfig;
}

namespace mxcert::report {
class Report;
}

namespace mxcert::issue {

/// The account on the CA's site that a new one is to be bound to, its key read from the configured file; empty when
/// none is configured. Others who can read the file are a warning. Throws ConfigError when the file cannot be read or
/// holds no key in base64url.
std::optional<acme::ExternalAccount> load_external_account(const config::CaConfig& ca, report::Report& report);

}  // namespace mxcert::issue
