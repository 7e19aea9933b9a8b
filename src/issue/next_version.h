#pragma once
#include <span>
#include <string>

#include "issue/ca.h"
#include "issue/fallback.h"
#include "mx/plan.h"

namespace mxcert::issue {

struct Run;

/// Makes the next version of what is `planned`, stores it and makes it live: a certificate with each configured type of
/// key, ordered one after the other where the live version has none that can stay. Returns its number; empty when
/// nothing was gained.
///
/// A certificate that cannot be had does not stop the other (law 3): its failure is reported, the live one of its kind
/// stays as long as it holds the names, and the next run orders only what is missing. All certificates of a version
/// hold the names of the first. Until the version is stored every order stays, so that a run that is cut short costs no
/// order twice. Throws what order_somewhere throws when nothing could be had.
std::string make_next_version(Run& run, std::span<CertificateAuthority> cas, const mx::PlannedCertificate& planned,
                              store::Certificate& certificate);

}  // namespace mxcert::issue
