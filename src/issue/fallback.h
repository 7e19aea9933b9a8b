#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "config/ca_config.h"
#include "issue/order.h"

namespace mxcert {
class Error;
}

namespace mxcert::issue {

class CertificateAuthority;
struct Run;

/// What an order failed of, as far as another CA might do better.
enum class CaFailure {
  none,     // names, this host, our state
  refusal,  // the CA's word
  busy,     // it has had enough of this certificate for now
  outage,   // it cannot be reached, or has a problem of its own
};
CaFailure classify(const Error& error);

/// Whether the next CA is asked. Somebody who waits, or has no certificate yet (`at_once`), is helped at an outage
/// immediately; else an outage has to last for a second run. After a refusal in three runs it is another CA's turn. A
/// CA that is busy counts as one that is down. `failures`: of the runs before this one, in a row.
bool may_fall_back(CaFailure failure, bool at_once, int failures);

/// Until when a CA wants to be left alone about one certificate, by the URL of its directory. What one wants does not
/// concern the others.
using CaPauses = std::map<std::string, SystemTime>;
/// Empty when `ca` may be asked `now`.
std::optional<SystemTime> pause_of(const config::CaConfig& ca, const CaPauses& pauses, SystemTime now);
/// Empty when `first` or one of its fallbacks may be asked `now`, else when that is so again.
std::optional<SystemTime> pause_of_all(const config::CaConfig& first, const CaPauses& pauses, SystemTime now);

/// order_certificate at the first of `cas` that does it. One that is in its pause is not asked, nor is one again that
/// was found down in this run. Throws what the last one that was asked throws; the failures of those before it are
/// warnings. For how long CAs want to be left alone is noted in the certificate's state; Error with the code
/// `rate_limited` when all of them do.
std::optional<store::VersionPart> order_somewhere(Run& run, std::span<CertificateAuthority> cas, const OrderTask& task);

}  // namespace mxcert::issue
