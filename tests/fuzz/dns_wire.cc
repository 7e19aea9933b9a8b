// Record data from the DNS, and names.
#include "dns/name.h"
#include "dns/wire.h"
#include "fuzz.h"

using namespace mxcert;

namespace {

constexpr const char* letters_digits = "abcdefghijklmnopqrstuvwxyz0123456789-.";

/// What may be the name of a host may be a file name too.
void check(const dns::DnsName& name) {
  fuzz::require(!name.why_not_a_host().empty() || name.ascii().find_first_not_of(letters_digits) == std::string::npos);
  fuzz::require(name.ascii().find_first_of("\n\r\t \x1b") == std::string::npos);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  if (const auto record = dns::parse_mx(bytes)) check(record->exchange);
  dns::parse_a(bytes);
  dns::parse_aaaa(bytes);
  dns::parse_caa(bytes);
  if (const auto record = dns::parse_tlsa(bytes)) fuzz::require(record->data.size() + 3 == size);
  if (const auto name = dns::DnsName::parse_host(fuzz::as_text(data, size))) check(*name);
  fuzz::tolerate([&] {
    const auto name = dns::DnsName::parse(fuzz::as_text(data, size));
    fuzz::require(name.why_not_a_host().empty() && name.ascii().size() <= 253);
    check(name);
  });
  return 0;
}
