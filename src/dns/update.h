#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/address.h"
#include "dns/name.h"

namespace mxcert::dns {

/// RFC 8945.
struct TsigKey {
  std::string name;       // without trailing dot
  std::string algorithm;  // hmac-sha1, hmac-sha256, hmac-sha384 or hmac-sha512
  std::string secret;     // base64
};
/// BIND's syntax, which tsig-keygen and keymgr write: `key "name" { algorithm hmac-sha256; secret "…"; };`, comments
/// allowed. Throws Error that does not show the secret.
TsigKey parse_tsig_key(std::string_view text);

struct TxtRecord {
  DnsName name;
  std::string text;  // at most 255 octets
};

/// The primary server of zones that may be changed with `key`.
struct UpdateServer {
  IpAddress address;
  std::uint16_t port = 53;
  TsigKey key;
};

/// All of these ask the server directly, over TCP, and take at most 15 s. They throw Error when it does not answer or
/// refuses, with what to do about that. They go on when a stop is asked for: the caller decides.

/// The zone that `name` is in, by the SOA that the server answers with.
DnsName find_zone(const UpdateServer& server, const DnsName& name);
/// The name servers of the zone.
std::vector<DnsName> find_name_servers(const UpdateServer& server, const DnsName& zone);
/// RFC 2136: in one message, signed, and the answer's signature checked. Other records with the same names stay.
void add_records(const UpdateServer& server, const DnsName& zone, std::span<const TxtRecord> records);
/// Just these; fine when they are not there.
void remove_records(const UpdateServer& server, const DnsName& zone, std::span<const TxtRecord> records);

/// Whether the server at `address` answers with the record, from its own knowledge; false too when it does not answer
/// within 2 s.
bool has_record(const IpAddress& address, const TxtRecord& record);

}  // namespace mxcert::dns
