#pragma once
#include <string>
#include <vector>

#include "app/ca.h"
#include "mx/plan.h"

namespace mxcert::app {

struct Context;

/// A new version of a certificate, stored and live, not yet installed anywhere.
struct OrderedVersion {
  std::string number;  // empty when nothing was gained: the names that are left are on the live certificate already
};

/// Gets what `planned` asks for: key (the live one's, if it is to be reused) and CSR are stored before the CA hears of
/// them, an order of an interrupted run is continued, and what comes back is checked against key and names before it is
/// stored (law 4).
///
/// Names that the CA refuses are reported as errors, and ordered without, unless the live certificate has one of them:
/// then the whole order fails, since a name that is served is not given up. Throws what acme::issue throws.
OrderedVersion order_certificate(Context& context, CertificateAuthority& ca, const mx::PlannedCertificate& planned);

}  // namespace mxcert::app
