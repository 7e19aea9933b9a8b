#pragma once
#include <optional>
#include <string>
#include <vector>

#include "issue/ca.h"
#include "issue/key_types.h"
#include "mx/plan.h"

namespace mxcert::issue {

struct Run;

/// One certificate to order.
struct OrderTask {
  const mx::PlannedCertificate& planned;
  store::Certificate& certificate;  // of that name; what is learned of its names and of CAs is noted in its state
  WantedKey key;
  /// What it has to hold: neither more nor less, since another certificate of the version does. Empty: what can be had
  /// of the plan's names.
  std::vector<std::string> exact_names = {};
};

/// Gets what `task` asks for: key (the live one's, if it is to be reused) and CSR are stored before the CA hears of
/// them, an order of an interrupted run is continued, and what comes back is checked against key and names (law 4). It
/// names the certificate that it replaces (RFC 9773 §5) only if the same account had that. The order is kept until
/// whoever has stored the certificate removes it: until then a later run gets the same again. Empty when nothing would
/// be gained: the names that are left are on the live certificate already.
///
/// Names that the CA refuses are reported as errors and remembered as failing, and ordered without, a few times. When
/// the live version has one of them the whole order fails, since a name that is served is not given up, unless less
/// than a tenth of its lifetime is left: then the others count more, and a warning says so. One that is only kept
/// (`planned.absent`) is let go. Throws what acme::issue throws, and what require_not_issued_too_often does.
std::optional<store::VersionPart> order_certificate(Run& run, CertificateAuthority& ca, const OrderTask& task);

}  // namespace mxcert::issue
