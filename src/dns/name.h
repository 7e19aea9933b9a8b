#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mxcert::dns {

/// An absolute domain name, lower case, internationalised labels as A-labels. Only ever comes out of a parser, so
/// that who holds one need not check it again.
class DnsName {
 public:
  /// What a person wrote: U-labels or A-labels, any case, with or without a trailing dot, full-width dots understood.
  /// UTS #46 non-transitional and IDNA2008. Throws Error (code `bad_name`) with the exact reason for everything
  /// that cannot be a name in a certificate: empty, an empty label, a label over 63 or a name over 253 octets,
  /// characters other than letters, digits and hyphens, underscores, wildcards, addresses, an A-label that decodes
  /// to nothing valid, fewer labels than `min_labels` (a mail domain has two).
  static DnsName parse(std::string_view text, std::size_t min_labels = 2);

  /// A name as DNS data has it: ASCII, any octet allowed, `\.` and `\DDD` escapes (RFC 1035 §5.1), the root as `.`.
  /// Empty when it is not even that or breaks the size limits. See why_not_a_host.
  static std::optional<DnsName> parse_host(std::string_view text);
  /// The uncompressed wire form (RFC 1035 §3.1) at `position`, which moves behind it; empty when it is cut short,
  /// compressed or too long.
  static std::optional<DnsName> from_wire(std::span<const std::uint8_t> bytes, std::size_t& position);

  /// As DNS, TLS and files have it; without trailing dot, octets that no host name has as `\DDD`; the root is `.`.
  const std::string& ascii() const noexcept { return ascii_; }
  /// For people: U-labels where they lead back to the very same A-label, else ascii().
  std::string unicode() const;
  bool is_root() const noexcept { return ascii_ == "."; }

  /// Empty when it can be the name of a host in a certificate; otherwise why not: `is an address, not a host name`.
  std::string why_not_a_host() const;

  auto operator<=>(const DnsName&) const = default;  // NOLINT(modernize-use-nullptr): takes the 0 of a < b

 private:
  explicit DnsName(std::string ascii) : ascii_(std::move(ascii)) {}
  std::string ascii_;
};

/// `bücher.example (xn--bcher-kva.example)`, or just the name when it is ASCII.
std::string display_name(const DnsName& name);

}  // namespace mxcert::dns
