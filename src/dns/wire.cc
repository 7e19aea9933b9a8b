#include "dns/wire.h"

namespace mxcert::dns {

std::optional<MxRecord> parse_mx(std::span<const std::uint8_t> rdata) {
  if (rdata.size() < 3) return std::nullopt;
  const auto preference = static_cast<std::uint16_t>(rdata[0] << 8 | rdata[1]);
  std::size_t position = 2;
  std::optional<DnsName> exchange = DnsName::from_wire(rdata, position);
  if (!exchange || position != rdata.size()) return std::nullopt;
  return MxRecord{preference, std::move(*exchange)};
}

std::optional<IpAddress> parse_a(std::span<const std::uint8_t> rdata) {
  return rdata.size() == 4 ? IpAddress::from_bytes(rdata) : std::nullopt;
}

std::optional<IpAddress> parse_aaaa(std::span<const std::uint8_t> rdata) {
  return rdata.size() == 16 ? IpAddress::from_bytes(rdata) : std::nullopt;
}

std::optional<CaaRecord> parse_caa(std::span<const std::uint8_t> rdata) {
  if (rdata.size() < 2) return std::nullopt;
  const std::size_t tag_octets = rdata[1];
  if (tag_octets == 0 || 2 + tag_octets > rdata.size()) return std::nullopt;
  const std::string text(rdata.begin() + 2, rdata.end());
  return CaaRecord{.flags = rdata[0], .tag = text.substr(0, tag_octets), .value = text.substr(tag_octets)};
}

}  // namespace mxcert::dns
