#include "mx/name_set.h"

#include "dns/wildcard.h"

namespace mxcert::mx {

NameSet parse_names(const std::vector<std::string>& texts) {
  NameSet names;
  for (const std::string& text : texts)
    if (auto name = dns::DnsName::parse_host(text)) names.insert(std::move(*name));
  return names;
}

bool has_wildcard_over(const NameSet& names, const dns::DnsName& name) {
  const auto wildcard = dns::find_wildcard_over(name);
  return wildcard && names.contains(*wildcard);
}

bool covers(const NameSet& names, const dns::DnsName& name) {
  return names.contains(name) || has_wildcard_over(names, name);
}

}  // namespace mxcert::mx
