#include "mx/lookup_warnings.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace mxcert::mx {
namespace {

using dns::DnsName;

/// What kind of record names a host, in codes and for people.
struct Record {
  std::string_view code;
  std::string_view text;
  std::string_view who;  // makes use of it
};

constexpr Record mx_record{"mx", "an MX record", "senders"};
constexpr Record srv_record{"srv", "an SRV record", "mail programs"};

void warn_of_host(MxLookup& lookup, std::string code, const DnsName& host, std::string_view what) {
  lookup.warnings.push_back({std::move(code), host.ascii(), fmt::format("{} {}", dns::display_name(host), what)});
}

/// RFC 6761 §6.3, and what some systems call themselves.
bool is_localhost(const DnsName& host) {
  const std::string& name = host.ascii();
  return name == "localhost" || name.ends_with(".localhost") || name == "localhost.localdomain";
}

void warn_of_host_name(MxLookup& lookup, const MxTarget& target, const Record& record) {
  if (is_localhost(target.host))
    return warn_of_host(
        lookup, fmt::format("{}_is_localhost", record.code), target.host,
        fmt::format("is in {}, but every host calls itself so: {} cannot use it", record.text, record.who));
  const std::string why_not = target.host.why_not_a_host();
  if (why_not.empty()) return;
  const bool is_address = dns::IpAddress::find(target.host.ascii()).has_value();
  warn_of_host(lookup, fmt::format("{}_{}", record.code, is_address ? "is_address" : "bad_host"), target.host,
               fmt::format("is in {}, but {}: most {} cannot use it", record.text, why_not, record.who));
}

/// RFC 2181 §10.3, RFC 2782; clients differ in which of the two names they compare with the certificate.
void warn_of_alias(MxLookup& lookup, const MxTarget& target, const Record& record) {
  if (!target.lookup.canonical || target.implicit) return;
  const std::string& canonical = target.lookup.canonical->ascii();
  warn_of_host(
      lookup, fmt::format("{}_is_cname", record.code), target.host,
      fmt::format("is in {0}, but is an alias (CNAME) of {1}: some {2} expect {1} in the certificate; name "
                  "{1} in the {3} record, or give {4} addresses of its own",
                  record.text, canonical, record.who, record.code == "mx" ? "MX" : "SRV", target.host.ascii()));
}

/// RFC 5321 §5.1: such an MX record is an error, not a reason to look elsewhere.
void warn_of_no_address(MxLookup& lookup, const MxTarget& target, const Record& record) {
  const HostLookup& host = target.lookup;
  if (host.is_unknown() || !host.addresses.empty() || !target.host.why_not_a_host().empty()) return;
  warn_of_host(lookup, fmt::format("{}_without_address", record.code), target.host,
               fmt::format("is in {}, but {}", record.text, host.reason));
}

void warn_of_addresses(MxLookup& lookup, const MxTarget& target) {
  for (const dns::IpAddress& address : target.lookup.addresses) {
    const bool local_only = address.is_loopback() || address.is_link_local() || address.is_unspecified();
    if (!local_only && !address.is_private()) continue;
    warn_of_host(lookup, local_only ? "loopback_address" : "private_address", target.host,
                 fmt::format("has the address {}, which is {}: senders elsewhere cannot reach it", address.to_string(),
                             local_only ? "of use on one machine or link only" : "one of a private network"));
  }
}

void warn_of_target(MxLookup& lookup, const MxTarget& target, const Record& record) {
  warn_of_host_name(lookup, target, record);
  warn_of_alias(lookup, target, record);
  warn_of_no_address(lookup, target, record);
  warn_of_addresses(lookup, target);
}

}  // namespace

void warn_of_targets(MxLookup& lookup) {
  if (lookup.canonical && !lookup.is_unknown())
    lookup.warnings.push_back(
        {"domain_is_cname", lookup.domain.name.ascii(),
         fmt::format("{} is an alias (CNAME) of {}: its mail goes where that domain's does",
                     dns::display_name(lookup.domain.name), dns::display_name(*lookup.canonical))});
  for (const MxTarget& target : lookup.targets)
    warn_of_target(lookup, target, mx_record);
  for (const ServiceLookup& service : lookup.services)
    for (const MxTarget& target : service.targets)
      warn_of_target(lookup, target, srv_record);
}

}  // namespace mxcert::mx
