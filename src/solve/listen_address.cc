#include "solve/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace mxcert::solve {
namespace {

[[noreturn]] void throw_not_an_address(std::string_view text) {
  throw ConfigError(fmt::format("not an address to listen on: {}", printable(text, 200)),
                    "write 192.0.2.1:80 or [2001:db8::1]:80");
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

/// Address and port of the text, which stands on its own, not checked yet.
struct Parts {
  std::string_view address;
  std::optional<std::string_view> port = {};
};
Parts split_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) throw_not_an_address(text);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') throw_not_an_address(text);
    if (rest.empty()) return {text.substr(1, close - 1)};
    return {text.substr(1, close - 1), rest.substr(1)};
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return {text};
  if (text.find(':', colon + 1) != std::string_view::npos) return {text};  // IPv6 without brackets
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

ListenAddress parse_listen_address(std::string_view text, std::uint16_t default_port) {
  const Parts parts = split_port(text);
  const auto port = parts.port ? parse_port(*parts.port) : std::optional(default_port);
  if (!port) throw_not_an_address(text);
  ListenAddress address{.address = std::string(parts.address), .port = *port};
  return from_socket_address(to_socket_address(address));
}

std::string to_string(const ListenAddress& address) {
  const bool is_ipv6 = address.address.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", address.address, address.port)
                 : fmt::format("{}:{}", address.address, address.port);
}

std::vector<ListenAddress> all_addresses(std::uint16_t port) {
  return {{.address = "::", .port = port, .optional = true}, {.address = "0.0.0.0", .port = port, .optional = true}};
}

SocketAddress to_socket_address(const ListenAddress& address) {
  SocketAddress result;
  sockaddr_in6 ipv6{};
  sockaddr_in ipv4{};
  if (::inet_pton(AF_INET6, address.address.c_str(), &ipv6.sin6_addr) == 1) {
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(address.port);
    std::memcpy(&result.storage, &ipv6, result.size = sizeof ipv6);
  } else if (::inet_pton(AF_INET, address.address.c_str(), &ipv4.sin_addr) == 1) {
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(address.port);
    std::memcpy(&result.storage, &ipv4, result.size = sizeof ipv4);
  } else {
    throw_not_an_address(address.address);
  }
  return result;
}

ListenAddress from_socket_address(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &address.storage, sizeof ipv6);
    ::inet_ntop(AF_INET6, &ipv6.sin6_addr, text.data(), text.size());
    return {.address = text.data(), .port = ntohs(ipv6.sin6_port)};
  }
  sockaddr_in ipv4{};
  std::memcpy(&ipv4, &address.storage, sizeof ipv4);
  ::inet_ntop(AF_INET, &ipv4.sin_addr, text.data(), text.size());
  return {.address = text.data(), .port = ntohs(ipv4.sin_port)};
}

}  // namespace mxcert::solve
