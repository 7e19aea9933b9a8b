#include "dns/wildcard.h"

#include <string>

namespace mxcert::dns {
namespace {

constexpr std::string_view prefix = "*.";

}  // namespace

DnsName parse_certificate_name(std::string_view text) {
  if (!text.starts_with(prefix)) return DnsName::parse(text);
  return *DnsName::parse_host(std::string(prefix) + DnsName::parse(text.substr(prefix.size())).ascii());
}

bool is_wildcard(const DnsName& name) {
  return name.ascii().starts_with(prefix);
}

std::optional<DnsName> find_wildcard_over(const DnsName& name) {
  const auto dot = name.ascii().find('.');
  if (is_wildcard(name) || dot == std::string::npos || dot + 1 == name.ascii().size()) return std::nullopt;
  return DnsName::parse_host("*" + name.ascii().substr(dot));
}

DnsName without_wildcard(const DnsName& name) {
  return is_wildcard(name) ? *DnsName::parse_host(name.ascii().substr(prefix.size())) : name;
}

}  // namespace mxcert::dns
