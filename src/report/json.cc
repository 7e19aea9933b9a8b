#include "report/json.h"

#include "report/report.h"

namespace mxcert::report {

Json time_or_null(const std::optional<SystemTime>& time) {
  return time ? Json(format_time(*time)) : Json();
}

Json to_json(std::span<const Finding> findings) {
  Json list = Json::array();
  for (const Finding& finding : findings)
    list.push_back(
        {{"code", finding.code}, {"subject", finding.subject}, {"message", finding.message}, {"hint", finding.hint}});
  return list;
}

void add_findings(Json& document, const Report& report) {
  document["warnings"] = to_json(report.warnings());
  document["errors"] = to_json(report.errors());
}

std::string dump(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mxcert::report
