#pragma once
#include <set>
#include <span>
#include <string>

#include "acme/issuer.h"
#include "base/finding.h"
#include "dns/name.h"
#include "mx/plan.h"
#include "store/certificates.h"

// Names that the CA refuses while it issues for the others: they stay wanted, each with a pause of its own.
namespace mxcert::issue {

struct Run;
/// Remembers, for its pause, that the name that `refusal` is about was refused `now`.
void remember_refused(store::CertificateState& state, const Finding& refusal, SystemTime now);
/// Whether an error is about a name that was refused, and not about the certificate.
bool is_refusal(const Finding& error);
/// What to do about a name that could not be validated.
std::string hint_for(const Run& run, const acme::IssueFailure::Culprit& culprit);
/// Reports each as an error and remembers it.
void note_refused(Run& run, store::Certificate& certificate, std::span<const acme::IssueFailure::Culprit> culprits);
/// Forgets what was remembered of names that the CA has issued for, and of those that are not wanted any more.
void forget_failures(store::CertificateState& state, std::span<const std::string> issued,
                     std::span<const std::string> wanted);

/// The names whose pause is not over.
std::set<dns::DnsName> postponed_names(const store::Inventory& inventory, SystemTime now);
/// Adds name_postponed for each name that is not ordered because it failed, name_failing for those that are tried
/// again.
void warn_of_failing_names(const store::Inventory& inventory, mx::Plan& plan);

}  // namespace mxcert::issue
