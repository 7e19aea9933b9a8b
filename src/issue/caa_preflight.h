#pragma once
#include <span>
#include <string>
#include <vector>

#include "issue/ca.h"
#include "mx/plan.h"
#include "report/evidence.h"

namespace mxcert::issue {

struct Run;

/// Reports the names of certificates that would be ordered and that CAA records keep from the configured CA: an error
/// `caa_forbids` for each. Asks nothing of the CA: who it is and which account is ours is what earlier runs learned, or
/// what is known of a preset; where that is nothing, only what nobody satisfies is an objection. Where nothing would be
/// ordered the DNS is asked nothing either.
void report_caa(Run& run, const mx::Plan& plan);

/// Those of `names` that `ca` would refuse because of CAA records, each with `caa_forbids` and why; the name is the
/// subject. What could not be looked up is a warning, since the CA asks for itself, with other resolvers. The CA is
/// asked who it is only when there are records to compare that with; throws what CertificateAuthority::client throws.
std::vector<Finding> find_caa_refusals(Run& run, CertificateAuthority& ca, const std::vector<std::string>& names);

/// What the configured CA would make of the CAA records of each name, without asking it; reports nothing.
std::vector<report::CaaVerdict> judge_caa(Run& run, std::span<const dns::DnsName> names);

}  // namespace mxcert::issue
