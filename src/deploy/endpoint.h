#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mxcert::deploy {

/// What is spoken on a port; `tls` is a bare handshake of which nothing else is known.
enum class Protocol { smtp, imap, pop3, sieve, tls };

/// An address and port that a daemon answers at, and how TLS begins there.
struct Endpoint {
  std::string address;  // IPv4 or IPv6, numeric, without brackets; 0.0.0.0 and :: mean every local address
  std::uint16_t port = 0;
  Protocol protocol = Protocol::smtp;
  bool implicit_tls = false;  // TLS from the first byte (RFC 8314 §3) rather than after STARTTLS

  bool operator==(const Endpoint&) const = default;
};

/// The usual form of an IPv4 or IPv6 address (RFC 5952): `::` for `::0`. Empty when `text` is none.
std::optional<std::string> normalize_address(const std::string& text);

/// `192.0.2.1:25`, `[2001:db8::1]:465`, as the configuration's `verify` has it; the port says what is spoken there
/// (465, 993, 995: implicit TLS; 143: IMAP; 110: POP3; 4190: ManageSieve; else SMTP with STARTTLS). Throws ConfigError.
Endpoint parse_endpoint(std::string_view text);
/// The reverse of parse_endpoint.
std::string to_string(const Endpoint& endpoint);

/// The addresses of this host's interfaces that are up: IPv4 and IPv6, loopback last, no link-local ones (RFC 4291
/// §2.5.6: they need a zone). Throws Error when the system does not tell.
std::vector<std::string> local_addresses();

/// `listeners` with wildcard addresses replaced by those of `local` of the same family (at most 16), and without
/// duplicates. `::` stands for IPv6 only: hooks report 0.0.0.0 too where a daemon takes both.
std::vector<Endpoint> expand_wildcards(std::span<const Endpoint> listeners, std::span<const std::string> local);

}  // namespace mxcert::deploy
