#pragma once
#include <string>

#include "app/assignment.h"
#include "report/report.h"
#include "store/certificates.h"

namespace mxcert::app {

struct Context;

/// Takes the first version away again at every target that has it: what was there before mxcert came is put back. What
/// did not work is reported as an error; returns whether all of it is gone.
bool withdraw(Context& context, store::Certificate& certificate, const store::Version& version,
              report::CertificateOutcome& outcome);

/// Takes certificates that the plan has no use for any more away from where they were shown by SNI, as soon as all
/// planned ones are in service. What does not work is a warning (code `not_withdrawn`), and tried again by the next
/// run.
void withdraw_unplanned(Context& context);

/// After a certificate has become the default one `at` a target: what showed it by SNI there goes, and the one that was
/// the default one before is forgotten there unless the target takes it still. What does not work is a warning.
void clean_up_for_default(Context& context, store::Certificate& certificate, const Assignment& at);

}  // namespace mxcert::app
