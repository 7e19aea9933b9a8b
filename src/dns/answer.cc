#include "dns/answer.h"

#include <fmt/format.h>

#include "base/text.h"

namespace mxcert::dns {

std::string_view to_string(RecordType type) {
  switch (type) {
    case RecordType::a:
      return "A";
    case RecordType::mx:
      return "MX";
    case RecordType::aaaa:
      return "AAAA";
    case RecordType::srv:
      return "SRV";
    case RecordType::tlsa:
      return "TLSA";
    case RecordType::caa:
      return "CAA";
  }
  return "?";
}

std::string to_string(const TlsaRecord& record) {
  return fmt::format("{} {} {} {}", record.usage, record.selector, record.matching_type, to_hex(record.data));
}

std::string_view to_string(AnswerStatus status) {
  switch (status) {
    case AnswerStatus::ok:
      return "ok";
    case AnswerStatus::nodata:
      return "nodata";
    case AnswerStatus::nxdomain:
      return "nxdomain";
    case AnswerStatus::temporary:
      return "temporary";
    case AnswerStatus::bogus:
      return "bogus";
  }
  return "?";
}

std::string_view to_string(Security security) {
  switch (security) {
    case Security::secure:
      return "secure";
    case Security::insecure:
      return "insecure";
    case Security::bogus:
      return "bogus";
  }
  return "?";
}

}  // namespace mxcert::dns
