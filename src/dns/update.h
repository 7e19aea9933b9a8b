#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/wait.h"
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
  ServerAddress at;
  TsigKey key;
};

struct ZoneRecords {
  DnsName zone;
  std::vector<TxtRecord> records;
};

/// What went wrong with each part of what was asked for, with what to do about that; empty where all is well.
using Faults = std::vector<std::optional<Error>>;

/// All of these ask the server directly, over TCP, everything at once: a hundred take as long as one. They wait at most
/// 15 s for the connection and each next answer.

/// The zone that each of `names` is in, by the SOA that the server answers with: this needs no list of suffixes and no
/// resolver's view. A zone may begin at any label, so each is asked about.
std::vector<std::variant<DnsName, Error>> find_zones(Clock& clock, const UpdateServer& server,
                                                     std::span<const DnsName> names,
                                                     AtStop at_stop = AtStop::interrupt);
/// The name servers of each zone. Throws Error when there is no answer; Interrupted.
std::vector<std::vector<DnsName>> find_name_servers(Clock& clock, const UpdateServer& server,
                                                    std::span<const DnsName> zones);
/// RFC 2136: one message a zone, signed, and the answer's signature checked. Other records with the same names stay.
/// Throws Interrupted; then they may have been added.
Faults add_records(Clock& clock, const UpdateServer& server, std::span<const ZoneRecords> records);
/// Just these; fine when they are not there. Goes on when a stop is asked for, with AtStop::hurry.
Faults remove_records(Clock& clock, const UpdateServer& server, std::span<const ZoneRecords> records);

/// A record that a server is to answer with, from its own knowledge.
struct ExpectedRecord {
  ServerAddress server;
  TxtRecord record;
};
/// Whether each of them is; false too when the server does not answer within 2 s. Everything is asked at once. Throws
/// Interrupted.
std::vector<bool> are_shown(Clock& clock, std::span<const ExpectedRecord> expected);

}  // namespace mxcert::dns
