#pragma once
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dns/address.h"
#include "dns/name.h"

namespace mxcert::dns {

/// The numbers of RFC 1035, RFC 3596, RFC 2782, RFC 6698 and RFC 8659.
enum class RecordType : std::uint16_t { a = 1, mx = 15, aaaa = 28, srv = 33, tlsa = 52, caa = 257 };

struct Question {
  DnsName name;
  RecordType type = RecordType::a;
  auto operator<=>(const Question&) const = default;  // NOLINT(modernize-use-nullptr): takes the 0 of a < b
};

/// RFC 1035 §3.3.9. The exchange may be the root (RFC 7505) or no host name at all: see DnsName::why_not_a_host.
struct MxRecord {
  std::uint16_t preference = 0;
  DnsName exchange;
  auto operator<=>(const MxRecord&) const = default;  // NOLINT(modernize-use-nullptr): takes the 0 of a < b
};

/// RFC 2782. The target may be the root: no such service.
struct SrvRecord {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  DnsName target;
  auto operator<=>(const SrvRecord&) const = default;  // NOLINT(modernize-use-nullptr): takes the 0 of a < b
};

/// RFC 8659 §4.1. Tag and value are the octets of whoever wrote them: not fit for a terminal.
struct CaaRecord {
  std::uint8_t flags = 0;
  std::string tag;  // at least one octet
  std::string value;
  auto operator<=>(const CaaRecord&) const = default;  // NOLINT(modernize-use-nullptr): takes the 0 of a < b
};

/// RFC 6698 §2.1. Any numbers and any size of the data: whether senders can use it is another question.
struct TlsaRecord {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching_type = 0;
  std::string data = {};                                // octets
  auto operator<=>(const TlsaRecord&) const = default;  // NOLINT(modernize-use-nullptr): takes the 0 of a < b
};
/// As zone files have it (RFC 6698 §2.2): `3 1 1 0123…`, the data in lower case.
std::string to_string(const TlsaRecord& record);

/// Only what is definite may add or drop a name: so definite answers and others stay apart all the way to the user.
enum class AnswerStatus {
  ok,         // at least one record
  nodata,     // the name exists, not with that type: definite
  nxdomain,   // there is no such name: definite
  temporary,  // SERVFAIL, timeout, REFUSED, no network, records we cannot read: nothing is known
  bogus,      // DNSSEC says the answer is not the zone's: nothing is known
};

enum class Security { secure, insecure, bogus };

struct Answer {
  AnswerStatus status = AnswerStatus::temporary;
  Security security = Security::insecure;
  std::vector<MxRecord> mx = {};          // for RecordType::mx, by preference, then name
  std::vector<IpAddress> addresses = {};  // for RecordType::a and aaaa, sorted
  std::vector<SrvRecord> srv = {};        // for RecordType::srv, by priority
  std::vector<CaaRecord> caa = {};        // for RecordType::caa, sorted
  std::vector<TlsaRecord> tlsa = {};      // for RecordType::tlsa, sorted
  std::optional<DnsName> canonical = {};  // where CNAMEs led to, when there were any
  std::chrono::seconds ttl{0};
  std::string reason = {};  // for temporary and bogus: what happened, fit for a terminal

  /// Nothing can be concluded from it (law 1).
  bool is_unknown() const { return status == AnswerStatus::temporary || status == AnswerStatus::bogus; }
};

std::string_view to_string(RecordType type);
std::string_view to_string(AnswerStatus status);
std::string_view to_string(Security security);

}  // namespace mxcert::dns
