#pragma once
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "mx/packing.h"
#include "mx/plan.h"

// For plan.cc only.
namespace mxcert::mx {

/// What is known of names when their certificates are planned.
struct NameStates {
  const WantedNames& wanted;
  const std::set<dns::DnsName>& absent;                // wanted only because they are live: they are kept for a while
  const std::map<dns::DnsName, std::string>& dropped;  // live, and not kept any longer
  const std::map<dns::DnsName, std::vector<dns::DnsName>>& covered;  // of wildcards: wanted, and left to them
  const std::set<dns::DnsName>& first_seen;  // on no certificate yet, and to be seen once more before they are ordered
};

/// The names among `texts`; what is none is left out.
std::set<dns::DnsName> parse_names(const std::vector<std::string>& texts);
/// Whether the wildcard over `name` is among `names`.
bool is_covered(const dns::DnsName& name, const std::set<dns::DnsName>& names);
/// Null when there is none of that name.
const CurrentCertificate* find_current(const PlanInput& input, const std::string& name);

/// What is to be done about one certificate. Empty for a new one all of whose names wait to be seen again.
std::optional<PlannedCertificate> plan_certificate(const PlanInput& input, const PackedCertificate& packed,
                                                   const NameStates& states);

}  // namespace mxcert::mx
