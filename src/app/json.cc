#include "app/json.h"

#include "app/report.h"

namespace mxcert::app {
namespace {

nlohmann::json to_json(const std::vector<Finding>& findings) {
  nlohmann::json list = nlohmann::json::array();
  for (const Finding& finding : findings) {
    list.push_back(
        {{"code", finding.code}, {"subject", finding.subject}, {"message", finding.message}, {"hint", finding.hint}});
  }
  return list;
}

}  // namespace

nlohmann::json time_or_null(const std::optional<SystemTime>& time) {
  return time ? nlohmann::json(format_time(*time)) : nlohmann::json();
}

void add_findings(nlohmann::json& document, const Report& report) {
  document["warnings"] = to_json(report.warnings());
  document["errors"] = to_json(report.errors());
}

std::string dump(const nlohmann::json& document) {
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace mxcert::app
