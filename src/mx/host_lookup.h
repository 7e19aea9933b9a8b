#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dns/answer.h"
#include "dns/resolver.h"

namespace mxcert::mx {

/// The addresses of one host, IPv4 and IPv6 together.
struct HostLookup {
  /// nodata and nxdomain are definite; temporary or bogus when either address family is.
  dns::AnswerStatus status = dns::AnswerStatus::temporary;
  dns::Security security = dns::Security::insecure;  // the weaker of the two
  std::vector<dns::IpAddress> addresses = {};        // sorted; may hold one family's while the other is unknown
  std::optional<dns::DnsName> canonical = {};        // when the host is an alias
  std::string reason = {};                           // for anything but ok, without subject: `has no address`

  bool is_unknown() const { return status == dns::AnswerStatus::temporary || status == dns::AnswerStatus::bogus; }
};

using HostLookups = std::map<dns::DnsName, HostLookup>;

/// Fills in what the DNS says of each host, all in one batch. A name that cannot be a host's is not asked for.
void find_addresses(dns::Resolver& resolver, HostLookups& hosts);

/// For an answer from which nothing follows, without subject: `could not be looked up (MX: the DNS answers SERVFAIL)`.
std::string why_unknown(const dns::Answer& answer, dns::RecordType type);

}  // namespace mxcert::mx
