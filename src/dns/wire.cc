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

}  // namespace mxcert::dns
