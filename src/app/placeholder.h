#pragma once
#include "config/config.h"
#include "mx/plan.h"
#include "report/report.h"
#include "store/certificates.h"

namespace mxcert::app {

struct Context;

/// Whether there is to be a placeholder for the certificate, now that it could not be had from the configured CA: as
/// long as that one has never issued it.
bool wants_placeholder(const config::Config& config, const store::Certificate& certificate);

/// A certificate from the internal CA, for the names and keys of `planned`, becomes the live version, unless one is
/// already; it is installed where nothing is served. The configured CA's replaces it, with the same key. Fills
/// `outcome`.
void install_placeholder(Context& context, const mx::PlannedCertificate& planned, store::Certificate& certificate,
                         report::CertificateOutcome& outcome);

}  // namespace mxcert::app
