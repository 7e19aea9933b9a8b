#pragma once
#include <map>
#include <vector>

#include "mx/plan.h"

// A step of plan_certificates.
namespace mxcert::mx {

/// Whose the hosts are that the lookups lead to.
using Owners = std::map<dns::DnsName, Ownership>;

Owners decide_owners(const std::vector<MxLookup>& lookups, const HostRules& rules);

/// What the plan says of each domain. `owners` has every target.
std::vector<PlannedDomain> describe_domains(const std::vector<MxLookup>& lookups, const Owners& owners);

}  // namespace mxcert::mx
