#pragma once
#include <string>

#include "app/report.h"
#include "store/certificates.h"

namespace mxcert::app {

struct Context;

/// Whether every configured target is known to serve the live version.
bool is_in_service(const Context& context, const std::string& certificate);

/// Undoes what a killed run left half-installed, at every target of every certificate. What cannot be undone is
/// reported as an error.
void recover_deployments(Context& context);

/// Installs `version` at every configured target and proves it; one target does not stop the others. What did not work
/// is reported as an error; how far each target came is remembered. Fills `outcome.targets` and returns whether all
/// targets serve it.
bool deliver(Context& context, const std::string& certificate, const store::Version& version,
             CertificateOutcome& outcome);

/// Takes the first version away again at every target: what was there before mxcert came is put back. As `deliver` for
/// the rest.
bool withdraw(Context& context, const std::string& certificate, const store::Version& version,
              CertificateOutcome& outcome);

}  // namespace mxcert::app
