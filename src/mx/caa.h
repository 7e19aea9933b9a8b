#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dns/resolver.h"
#include "mx/caa_policy.h"

namespace mxcert::mx {

/// The Relevant RRset of a name (RFC 8659 §3), as far as the DNS tells.
struct CaaLookup {
  dns::DnsName name;
  std::optional<dns::DnsName> owner = {};    // where the records are; empty: there are none, or it is not known
  std::vector<dns::CaaRecord> records = {};  // empty: any CA may issue, or it is not known
  std::string unknown = {};                  // why it is not known, without subject; empty when it is
};

/// Climbs from each name to its top-level domain and stops at the first that has CAA records, those at the end of an
/// alias included. One for each name, in the order given. All questions in one batch, each distinct one once.
///
/// Never throws for what the DNS says: a failure below the records is a CaaLookup that says so.
std::vector<CaaLookup> find_caa(dns::Resolver& resolver, std::span<const dns::DnsName> names);

}  // namespace mxcert::mx
