#pragma once
#include <chrono>
#include <optional>
#include <string>

namespace mxcert::config {

class TomlSection;
struct SourcedText;

/// When to renew a certificate about which the CA has no opinion (RFC 9773).
struct RenewConfig {
  /// How long before the end, as it was written: a fraction of the lifetime or a duration. Empty: a third of the
  /// lifetime, or half when that is shorter than ten days.
  std::string before = {};
  int numerator = 0;
  int denominator = 1;
  std::optional<std::chrono::seconds> duration = {};

  /// For a certificate that lives so long. Between a tenth and two thirds of it: a later renewal would leave no time
  /// for failures, an earlier one would be due again soon.
  std::chrono::seconds time_before_end(std::chrono::seconds lifetime) const;
};

/// `1/3`, `30d` or `12h`. Throws ConfigError.
void set_renew_before(RenewConfig& renew, const SourcedText& before);
/// Reads [renew]. Throws ConfigError.
void read_renew(RenewConfig& renew, TomlSection section);

}  // namespace mxcert::config
