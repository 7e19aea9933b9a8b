#include "dns/wildcard.h"

namespace mxcert::dns {
namespace {

constexpr std::string_view prefix = "*.";

}  // namespace

DnsName parse_certificate_name(std::string_view text) {
  if (!is_wildcard(text)) return DnsName::parse(text);
  return *DnsName::parse_host(with_wildcard(DnsName::parse(without_wildcard(text)).ascii()));
}

bool is_wildcard(const DnsName& name) {
  return is_wildcard(name.ascii());
}

bool is_wildcard(std::string_view name) {
  return name.starts_with(prefix);
}

std::optional<DnsName> find_wildcard_over(const DnsName& name) {
  const auto dot = name.ascii().find('.');
  if (is_wildcard(name) || dot == std::string::npos || dot + 1 == name.ascii().size()) return std::nullopt;
  return DnsName::parse_host("*" + name.ascii().substr(dot));
}

DnsName without_wildcard(const DnsName& name) {
  return is_wildcard(name) ? *DnsName::parse_host(without_wildcard(name.ascii())) : name;
}

std::string without_wildcard(std::string_view name) {
  return std::string(is_wildcard(name) ? name.substr(prefix.size()) : name);
}

std::string with_wildcard(std::string_view name) {
  return std::string(prefix).append(name);
}

}  // namespace mxcert::dns
