#pragma once
#include <set>
#include <string>
#include <vector>

#include "dns/name.h"

namespace mxcert::mx {

/// Of a certificate, or of several.
using NameSet = std::set<dns::DnsName>;

/// The names among `texts`; what is none is left out.
NameSet parse_names(const std::vector<std::string>& texts);
/// Whether the wildcard over `name` is among `names`.
bool has_wildcard_over(const NameSet& names, const dns::DnsName& name);
/// Whether who looks for `name` is content with `names`: it is among them, or covered.
bool covers(const NameSet& names, const dns::DnsName& name);

}  // namespace mxcert::mx
