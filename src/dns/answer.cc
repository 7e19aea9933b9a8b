#include "dns/answer.h"

#include <fmt/format.h>

#include "base/name_table.h"
#include "base/text.h"

namespace mxcert::dns {

namespace {

constexpr auto type_names = name_table<RecordType>({
    {RecordType::a, "A"},
    {RecordType::mx, "MX"},
    {RecordType::aaaa, "AAAA"},
    {RecordType::srv, "SRV"},
    {RecordType::tlsa, "TLSA"},
    {RecordType::caa, "CAA"},
});

constexpr auto status_names = name_table<AnswerStatus>({
    {AnswerStatus::ok, "ok"},
    {AnswerStatus::nodata, "nodata"},
    {AnswerStatus::nxdomain, "nxdomain"},
    {AnswerStatus::temporary, "temporary"},
    {AnswerStatus::bogus, "bogus"},
});

constexpr auto security_names = name_table<Security>({
    {Security::secure, "secure"},
    {Security::insecure, "insecure"},
    {Security::bogus, "bogus"},
});

}  // namespace

std::string_view to_string(RecordType type) {
  return name_of(type_names, type);
}

std::string to_string(const TlsaRecord& record) {
  return fmt::format("{} {} {} {}", record.usage, record.selector, record.matching_type, to_hex(record.data));
}

std::string_view to_string(AnswerStatus status) {
  return name_of(status_names, status);
}

std::string_view to_string(Security security) {
  return name_of(security_names, security);
}

}  // namespace mxcert::dns
