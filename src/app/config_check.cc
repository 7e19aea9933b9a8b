#include <fmt/format.h>

#include <algorithm>

#include "app/commands.h"
#include "app/context.h"
#include "report/json.h"

namespace mxcert::app {

void run_config_check(Context& context) {
  const auto settings = config::explain_config(context.config);
  if (context.invocation.json) {
    report::Json values = report::Json::object();
    for (const auto& [key, value] : settings)
      values[key] = value;
    report::Json document{{"version", 1}, {"config", values}};
    report::add_findings(document, context.report);
    return report::write_result(report::dump(document));
  }
  std::size_t width = 0;
  for (const auto& [key, value] : settings)
    width = std::max(width, key.size());
  std::string text;
  for (const auto& [key, value] : settings)
    text += fmt::format("{:{}}  {}\n", key, width, value);
  report::write_result(text);
}

}  // namespace mxcert::app
