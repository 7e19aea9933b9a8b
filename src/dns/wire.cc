#include "dns/wire.h"

namespace mxcert::dns {
namespace {

std::uint16_t number_at(std::span<const std::uint8_t> rdata, std::size_t at) {
  return static_cast<std::uint16_t>(rdata[at] << 8 | rdata[at + 1]);
}

}  // namespace

std::optional<MxRecord> parse_mx(std::span<const std::uint8_t> rdata) {
  if (rdata.size() < 3) return std::nullopt;
  const std::uint16_t preference = number_at(rdata, 0);
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

std::optional<SrvRecord> parse_srv(std::span<const std::uint8_t> rdata) {
  if (rdata.size() < 7) return std::nullopt;
  std::size_t position = 6;
  std::optional<DnsName> target = DnsName::from_wire(rdata, position);
  if (!target || position != rdata.size()) return std::nullopt;
  return SrvRecord{number_at(rdata, 0), number_at(rdata, 2), number_at(rdata, 4), std::move(*target)};
}

std::optional<TlsaRecord> parse_tlsa(std::span<const std::uint8_t> rdata) {
  if (rdata.size() < 3) return std::nullopt;
  return TlsaRecord{.usage = rdata[0],
                    .selector = rdata[1],
                    .matching_type = rdata[2],
                    .data = std::string(rdata.begin() + 3, rdata.end())};
}

std::optional<CaaRecord> parse_caa(std::span<const std::uint8_t> rdata) {
  if (rdata.size() < 2) return std::nullopt;
  const std::size_t tag_octets = rdata[1];
  if (tag_octets == 0 || 2 + tag_octets > rdata.size()) return std::nullopt;
  const std::string text(rdata.begin() + 2, rdata.end());
  return CaaRecord{.flags = rdata[0], .tag = text.substr(0, tag_octets), .value = text.substr(tag_octets)};
}

}  // namespace mxcert::dns
