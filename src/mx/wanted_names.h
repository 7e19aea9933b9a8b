#pragma once
#include <map>
#include <vector>

#include "mx/name_set.h"
#include "mx/packing.h"
#include "mx/plan.h"
#include "mx/planned_domains.h"

// A step of plan_certificates.
namespace mxcert::mx {

/// What a host's name, as the target of a record, is to a certificate.
enum class Use {
  wanted,
  unproven,  // the CA may look for this host where another one is: only if it is live
  unknown,   // its addresses could not be looked up: only if it is live (law 1)
  unwanted,
};

/// What domains and the administrator ask for, as far as the DNS tells.
struct Wanted {
  WantedNames names = {};
  std::map<dns::DnsName, std::vector<dns::DnsName>> covered = {};  // of wildcards: what would be in without them
  std::map<dns::DnsName, dns::DnsName> aliases = {};               // of ours, to where they lead, if that is ours too
  std::map<dns::DnsName, Use> uses = {};                           // of each target
};

/// `live`: what live certificates have.
///
/// A name that a wildcard covers is left to that: CAs refuse a certificate for both.
Wanted find_wanted_names(const PlanInput& input, const Owners& owners, const NameSet& live);

}  // namespace mxcert::mx
