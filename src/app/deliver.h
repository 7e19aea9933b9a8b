#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/assignment.h"
#include "report/report.h"
#include "store/certificates.h"

namespace mxcert::app {

struct Context;

/// The certificates that the command line names, all that have a version when it names none. Throws ConfigError for one
/// that there is not.
std::vector<store::Certificate*> chosen_certificates(Context& context);

/// What reports say of a version.
void describe_version(report::CertificateOutcome& outcome, const store::Version& version);

/// Whether every target that the certificate belongs to is known to serve the live version, in the right role.
bool is_in_service(const Context& context, const Assignments& assignments, const store::Certificate& certificate);

/// The versions that the targets which it belongs to serve, the live one or, after a failure, an earlier one; empty
/// when some target serves none.
std::optional<std::set<std::string>> served_versions(const Context& context, const store::Certificate& certificate);

/// Undoes what a killed run left half-installed, at every target of every certificate. What cannot be undone is
/// reported as an error.
void recover_deployments(Context& context);

/// Installs `version` at every target that it belongs to and proves it; one target does not stop the others. What did
/// not work is reported as an error; how far each target came is remembered. Fills `outcome.targets` and returns
/// whether all targets serve it.
bool deliver(Context& context, store::Certificate& certificate, const store::Version& version,
             report::CertificateOutcome& outcome);

}  // namespace mxcert::app
