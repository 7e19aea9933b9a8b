#pragma once
#include "mx/plan.h"
#include "report/report.h"

namespace mxcert::app {

struct Context;

/// Whether there is to be a placeholder for `planned`, now that it could not be had from the configured CA: as long as
/// that one has never issued it.
bool wants_placeholder(const Context& context, const mx::PlannedCertificate& planned);

/// A certificate from the internal CA, for the names and keys of `planned`, becomes the live version, unless one is
/// already; it is installed where nothing is served. The configured CA's replaces it, with the same key. Fills
/// `outcome`.
void install_placeholder(Context& context, const mx::PlannedCertificate& planned, report::CertificateOutcome& outcome);

}  // namespace mxcert::app
