#include "deploy/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"

namespace mxcert::deploy {
namespace {

constexpr std::size_t max_addresses_of_a_wildcard = 16;

bool is_ipv6(const std::string& address) {
  return address.find(':') != std::string::npos;
}

/// The two halves of `ADDRESS:PORT`, the address without its brackets.
std::optional<std::pair<std::string, std::string_view>> split_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
    if (address.find(':') == std::string_view::npos) return std::nullopt;
  } else if (address.find(':') != std::string_view::npos) {
    return std::nullopt;  // which colon would begin the port?
  }
  return std::pair(std::string(address), text.substr(colon + 1));
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

/// What IANA assigned the port for.
void guess_protocol(Endpoint& endpoint) {
  switch (endpoint.port) {
    case 465:
      endpoint.implicit_tls = true;
      break;
    case 143:
    case 993:
      endpoint.protocol = Protocol::imap;
      endpoint.implicit_tls = endpoint.port == 993;
      break;
    case 110:
    case 995:
      endpoint.protocol = Protocol::pop3;
      endpoint.implicit_tls = endpoint.port == 995;
      break;
    case 4190:
      endpoint.protocol = Protocol::sieve;
      break;
    default:
      break;
  }
}

/// The address of an interface; empty for those that do not count.
std::optional<std::string> address_of(const ifaddrs& interface) {
  if (interface.ifa_addr == nullptr || (interface.ifa_flags & IFF_UP) == 0) return std::nullopt;
  char text[INET6_ADDRSTRLEN] = {};
  if (interface.ifa_addr->sa_family == AF_INET) {
    const auto& socket_address = *reinterpret_cast<const sockaddr_in*>(interface.ifa_addr);
    if ((ntohl(socket_address.sin_addr.s_addr) >> 16) == 0xA9FE) return std::nullopt;  // 169.254/16, RFC 3927
    ::inet_ntop(AF_INET, &socket_address.sin_addr, text, sizeof text);
    return text;
  }
  if (interface.ifa_addr->sa_family == AF_INET6) {
    const auto& socket_address = *reinterpret_cast<const sockaddr_in6*>(interface.ifa_addr);
    if (IN6_IS_ADDR_LINKLOCAL(&socket_address.sin6_addr)) return std::nullopt;
    ::inet_ntop(AF_INET6, &socket_address.sin6_addr, text, sizeof text);
    return text;
  }
  return std::nullopt;
}

void add_once(std::vector<Endpoint>& endpoints, Endpoint endpoint) {
  if (std::ranges::find(endpoints, endpoint) == endpoints.end()) endpoints.push_back(std::move(endpoint));
}

}  // namespace

std::optional<std::string> normalize_address(const std::string& text) {
  const int family = is_ipv6(text) ? AF_INET6 : AF_INET;
  in6_addr address{};
  char normal[INET6_ADDRSTRLEN] = {};
  if (::inet_pton(family, text.c_str(), &address) != 1) return std::nullopt;
  return ::inet_ntop(family, &address, normal, sizeof normal);
}

Endpoint parse_endpoint(std::string_view text) {
  const auto halves = split_port(text);
  const auto port = halves ? parse_port(halves->second) : std::nullopt;
  const auto address = halves ? normalize_address(halves->first) : std::nullopt;
  if (!port || !address)
    throw ConfigError(fmt::format("\"{}\" is not an address with a port", printable(text, 100)),
                      "write it as 192.0.2.1:25 or [2001:db8::1]:25");
  Endpoint endpoint{.address = *address, .port = *port};
  guess_protocol(endpoint);
  return endpoint;
}

std::string to_string(const Endpoint& endpoint) {
  return is_ipv6(endpoint.address) ? fmt::format("[{}]:{}", endpoint.address, endpoint.port)
                                   : fmt::format("{}:{}", endpoint.address, endpoint.port);
}

std::vector<std::string> local_addresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) throw_system_error("cannot list this host's addresses");
  const Handle<ifaddrs, ::freeifaddrs> interfaces(first);
  std::vector<std::string> addresses;
  std::vector<std::string> loopback;
  for (const ifaddrs* interface = first; interface != nullptr; interface = interface->ifa_next) {
    const auto address = address_of(*interface);
    if (!address) continue;
    auto& list = (interface->ifa_flags & IFF_LOOPBACK) != 0 ? loopback : addresses;
    if (std::ranges::find(list, *address) == list.end()) list.push_back(*address);
  }
  addresses.insert(addresses.end(), loopback.begin(), loopback.end());
  return addresses;
}

std::vector<Endpoint> expand_wildcards(std::span<const Endpoint> listeners, std::span<const std::string> local) {
  std::vector<Endpoint> expanded;
  for (const Endpoint& listener : listeners) {
    const bool wildcard = listener.address == "0.0.0.0" || listener.address == "::";
    if (!wildcard) add_once(expanded, listener);
    std::size_t count = 0;
    for (const std::string& address : local) {
      if (!wildcard || is_ipv6(address) != is_ipv6(listener.address)) continue;
      if (count++ == max_addresses_of_a_wildcard) break;
      Endpoint endpoint = listener;
      endpoint.address = address;
      add_once(expanded, std::move(endpoint));
    }
  }
  return expanded;
}

}  // namespace mxcert::deploy
