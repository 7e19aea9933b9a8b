#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mxcert::solve {

/// Where to listen. Addresses are numeric.
struct ListenAddress {
  std::string address = {};
  std::uint16_t port = 80;
  bool optional = false;  // left out where the machine has no such address family

  bool operator==(const ListenAddress&) const = default;
};

/// `192.0.2.1:80`, `[2001:db8::1]:80`, or without port for `default_port`; throws ConfigError for anything else.
ListenAddress parse_listen_address(std::string_view text, std::uint16_t default_port = 80);
/// As parse_listen_address reads it.
std::string to_string(const ListenAddress& address);
/// Every IPv6 and every IPv4 address of the machine.
std::vector<ListenAddress> all_addresses(std::uint16_t port = 80);

/// As bind(2) and getsockname(2) have it.
struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(sockaddr_storage);
};
/// Throws ConfigError when the address is not numeric.
SocketAddress to_socket_address(const ListenAddress& address);
ListenAddress from_socket_address(const SocketAddress& address);

}  // namespace mxcert::solve
