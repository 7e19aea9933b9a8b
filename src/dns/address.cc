#include "dns/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace mxcert::dns {
namespace {

constexpr std::array<std::uint8_t, 12> v4_mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

}  // namespace

IpAddress IpAddress::parse(std::string_view text) {
  if (const auto address = find(text)) return *address;
  throw Error(fmt::format("\"{}\" is no IP address", printable(text, 100)),
              "write an address such as 192.0.2.1 or 2001:db8::1, without port or brackets", "bad_address");
}

std::optional<IpAddress> IpAddress::find(std::string_view text) {
  const std::string terminated(text.substr(0, INET6_ADDRSTRLEN + 1));
  if (terminated.size() > INET6_ADDRSTRLEN || terminated.find('\0') != std::string::npos) return std::nullopt;
  std::array<std::uint8_t, 16> octets{};
  if (::inet_pton(AF_INET, terminated.c_str(), octets.data()) == 1)
    return from_bytes(std::span<const std::uint8_t>(octets).first(4));
  if (::inet_pton(AF_INET6, terminated.c_str(), octets.data()) == 1) return from_bytes(octets);
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  if (bytes.size() == 16 && std::ranges::equal(bytes.first(12), v4_mapped_prefix)) bytes = bytes.subspan(12);
  IpAddress address;
  address.v6_ = bytes.size() == 16;
  std::ranges::copy(bytes, address.octets_.begin());
  return address;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(v6_ ? AF_INET6 : AF_INET, octets_.data(), text, sizeof text);
}

bool IpAddress::is_loopback() const noexcept {
  if (!v6_) return octets_[0] == 127;
  return octets_[15] == 1 && std::all_of(octets_.begin(), octets_.end() - 1, [](std::uint8_t o) { return o == 0; });
}

bool IpAddress::is_link_local() const noexcept {
  if (!v6_) return octets_[0] == 169 && octets_[1] == 254;
  return octets_[0] == 0xFE && (octets_[1] & 0xC0) == 0x80;
}

bool IpAddress::is_private() const noexcept {
  if (v6_) return (octets_[0] & 0xFE) == 0xFC;
  return octets_[0] == 10 || (octets_[0] == 172 && (octets_[1] & 0xF0) == 16) ||
         (octets_[0] == 192 && octets_[1] == 168) || (octets_[0] == 100 && (octets_[1] & 0xC0) == 64);
}

bool IpAddress::is_unspecified() const noexcept {
  if (!v6_) return octets_[0] == 0;  // RFC 1122 §3.2.1.3: "this network"
  return std::ranges::all_of(octets_, [](std::uint8_t octet) { return octet == 0; });
}

bool IpAddress::is_multicast() const noexcept {
  return v6_ ? octets_[0] == 0xFF : octets_[0] >= 224;  // 240/4 and broadcast too: nobody can be reached there
}

bool IpAddress::is_global() const noexcept {
  return !is_loopback() && !is_link_local() && !is_private() && !is_unspecified() && !is_multicast();
}

}  // namespace mxcert::dns
