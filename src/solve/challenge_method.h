#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/address.h"
#include "solve/listen_address.h"

namespace mxcert::solve {

/// `dns = { provider = … }`: who puts records into the DNS.
struct DnsProvider {
  enum class Kind { rfc2136, hook };
  Kind kind = Kind::rfc2136;
  std::optional<dns::IpAddress> server = {};  // rfc2136, and the next two
  std::uint16_t port = 53;
  std::filesystem::path key_file = {};
  std::chrono::seconds wait{60};  // rfc2136: for all of a zone's servers to have the records, at most
  std::string hook = {};          // hook: a path, or the name of one that ships

  bool operator==(const DnsProvider&) const = default;
};

/// One way to show control over names: the keys of [challenge], and of each [[challenge.for]].
struct ChallengeMethod {
  enum class Type { http_01, tls_alpn_01, dns_01, dns_persist_01 };
  Type type = Type::http_01;
  std::vector<ListenAddress> listen = {};             // of our own listener; empty: the type's port on every address
  std::optional<std::filesystem::path> webroot = {};  // http-01 through a web server; then nothing is listened on

  std::optional<DnsProvider> dns = {};  // dns-01 has it

  bool operator==(const ChallengeMethod&) const = default;
};
std::string_view to_string(ChallengeMethod::Type type);
/// Throws Error for what is none, with a hint which there are.
ChallengeMethod::Type parse_challenge_type(std::string_view text);

/// Where the CA connects to; 0 when it does not.
std::uint16_t port_of(ChallengeMethod::Type type);

}  // namespace mxcert::solve
