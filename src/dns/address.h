#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mxcert::dns {

/// An IPv4 or IPv6 address. An IPv4-mapped IPv6 address is the IPv4 address.
class IpAddress {
 public:
  /// Textual form, no port, no brackets, no zone; throws Error (code `bad_address`).
  static IpAddress parse(std::string_view text);
  static std::optional<IpAddress> find(std::string_view text);
  /// 4 or 16 octets in network order; empty for any other size.
  static std::optional<IpAddress> from_bytes(std::span<const std::uint8_t> bytes);

  /// Canonical text (RFC 5952).
  std::string to_string() const;

  bool is_v4() const noexcept { return !v6_; }
  bool is_v6() const noexcept { return v6_; }
  bool is_loopback() const noexcept;
  bool is_link_local() const noexcept;
  /// RFC 1918, RFC 6598 (carrier-grade NAT), RFC 4193 (unique local).
  bool is_private() const noexcept;
  bool is_unspecified() const noexcept;
  bool is_multicast() const noexcept;
  /// None of the above: an address that a sender elsewhere can reach. Documentation addresses count as such.
  bool is_global() const noexcept;

  /// IPv4 before IPv6, then by octets.
  auto operator<=>(const IpAddress&) const = default;  // NOLINT(modernize-use-nullptr): takes the 0 of a < b

 private:
  IpAddress() = default;

  bool v6_ = false;                        // compared first: IPv4 before IPv6
  std::array<std::uint8_t, 16> octets_{};  // IPv4 in the first four
};

/// Where a DNS server is.
struct ServerAddress {
  IpAddress address;
  std::uint16_t port = 53;

  auto operator<=>(const ServerAddress&) const = default;  // NOLINT(modernize-use-nullptr): takes the 0 of a < b
};

}  // namespace mxcert::dns
