#pragma once
#include <string>
#include <string_view>

namespace mxcert::app {

/// A reason that a CA takes from a subscriber (RFC 5280 §5.3.1, and the Baseline Requirements §4.9.1.1).
struct RevocationReason {
  std::string_view name;
  int code = 0;
};

/// Throws ConfigError with those that there are; an empty text is `unspecified`.
RevocationReason parse_revocation_reason(const std::string& name);

}  // namespace mxcert::app
