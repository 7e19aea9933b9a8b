#pragma once
#include <string>

#include "app/assignment.h"
#include "deploy/deploy.h"
#include "report/report.h"
#include "store/certificates.h"

namespace mxcert::app {

struct Context;

/// What a target is given to serve.
deploy::Delivery make_delivery(const store::Certificates& certificates, const store::Certificate& certificate,
                               const store::Version& version, deploy::Role role = deploy::Role::default_certificate);

/// Where a deployment of the certificate at the target keeps what was there before.
deploy::DeployOptions deploy_options(const store::Certificates& certificates, const std::string& certificate,
                                     const std::string& target);

/// Runs `function`, deploy::deploy or deploy::withdraw, at one target; what it throws becomes an outcome, but for
/// Interrupted.
deploy::DeployOutcome run_at(Context& context, decltype(&deploy::deploy) function,
                             const store::Certificate& certificate, const store::Version& version, const Assignment& at,
                             bool keep_configuration = false);

/// Adds what happened at one target to the run's report; false when that is an error.
bool report_result(report::Report& report, const std::string& certificate, const std::string& target,
                   const deploy::DeployOutcome& result, report::CertificateOutcome& outcome);

/// Remembers how far the certificate came at the target.
void remember_result(Context& context, store::Certificate& certificate, const store::Version& version,
                     const Assignment& at, const deploy::DeployOutcome& result);

/// Nothing is left to be done at a target in that state.
bool is_settled(store::Deployment::State state);

/// Of a CA that the public is to trust; what trusts a CA of one's own is one's own affair.
bool is_for_the_public(const store::Version& version);

}  // namespace mxcert::app
