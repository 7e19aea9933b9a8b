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
/// Names that the CA refuses are reported as errors and remembered as failing, and ordered without, a few times. When
/// the live certificate has one of them the whole order fails, since a name that is served is not given up, unless less
/// than a tenth of its lifetime is left: then the others count more, and a warning says so. Throws what acme::issue
/// throws.
OrderedVersion order_certificate(Context& context, CertificateAuthority& ca, const mx::PlannedCertificate& planned);

}  // namespace mxcert::app
