#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "dns/answer.h"

namespace mxcert::dns {

/// Record data as they come from the resolver: names uncompressed, bounds checked, nothing left over. Empty when they
/// are not what the type says.
std::optional<MxRecord> parse_mx(std::span<const std::uint8_t> rdata);      // RFC 1035 §3.3.9
std::optional<IpAddress> parse_a(std::span<const std::uint8_t> rdata);      // RFC 1035 §3.4.1
std::optional<IpAddress> parse_aaaa(std::span<const std::uint8_t> rdata);   // RFC 3596 §2.2
std::optional<SrvRecord> parse_srv(std::span<const std::uint8_t> rdata);    // RFC 2782
std::optional<TlsaRecord> parse_tlsa(std::span<const std::uint8_t> rdata);  // RFC 6698 §2.1
std::optional<CaaRecord> parse_caa(std::span<const std::uint8_t> rdata);    // RFC 8659 §4.1

}  // namespace mxcert::dns
