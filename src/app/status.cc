#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/backoff.h"
#include "app/commands.h"
#include "app/context.h"
#include "app/json.h"
#include "app/table.h"
#include "base/error.h"
#include "base/text.h"
#include "mx/plan.h"

namespace mxcert::app {
namespace {

struct CertificateStatus {
  std::string name;
  store::Version live;
  store::CertificateState state;
  SystemTime due;  // when it is to be renewed
};

std::vector<CertificateStatus> collect(Context& context) {
  std::vector<CertificateStatus> all;
  for (const std::string& name : context.certificates.names()) {
    try {
      auto live = context.certificates.find_live(name);
      if (!live) continue;
      const SystemTime due = mx::due_time(live->leaf.not_after, live->leaf.lifetime());
      all.push_back({name, std::move(*live), context.certificates.load_state(name), due});
    } catch (Error& e) {
      e.add_context(name);
      context.report.add_error(e, name);
    }
  }
  return all;
}

nlohmann::json to_json(const std::vector<CertificateStatus>& all) {
  nlohmann::json list = nlohmann::json::array();
  for (const CertificateStatus& one : all) {
    nlohmann::json deployments = nlohmann::json::array();
    for (const auto& [target, deployment] : one.state.deployments)
      deployments.push_back({{"target", target},
                             {"certificate_version", deployment.version},
                             {"state", store::to_string(deployment.state)},
                             {"at", format_time(deployment.at)},
                             {"message", deployment.message}});
    nlohmann::json failure;
    if (one.state.failure)
      failure = {{"count", one.state.failure->count},
                 {"at", format_time(one.state.failure->at)},
                 {"message", one.state.failure->message},
                 {"hint", one.state.failure->hint},
                 {"next_attempt", format_time(next_attempt(*one.state.failure))}};
    list.push_back({{"name", one.name},
                    {"names", one.live.leaf.names},
                    {"desired", one.state.desired},
                    {"certificate_version", one.live.number},
                    {"not_before", format_time(one.live.leaf.not_before)},
                    {"not_after", format_time(one.live.leaf.not_after)},
                    {"renew_at", format_time(one.due)},
                    {"directory", one.live.record.directory},
                    {"fingerprint", one.live.leaf.sha256_fingerprint},
                    {"deployments", deployments},
                    {"failure", failure}});
  }
  return list;
}

std::string remaining(SystemTime until, SystemTime now) {
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(until - now);
  return left.count() < 0 ? format_duration(-left) + " ago" : "in " + format_duration(left);
}

std::string served_by(const store::CertificateState& state, const std::string& live) {
  std::vector<std::string> parts;
  for (const auto& [target, deployment] : state.deployments)
    parts.push_back(deployment.version == live ? fmt::format("{} {}", target, store::to_string(deployment.state))
                                               : fmt::format("{} {} with version {}", target,
                                                             store::to_string(deployment.state), deployment.version));
  return parts.empty() ? "nothing" : join(parts, ", ");
}

std::string to_text(const Context& context, const std::vector<CertificateStatus>& all) {
  if (all.empty()) return fmt::format("no certificate is stored in {} yet\n", context.state.root().string());
  const SystemTime now = context.clock.now();
  std::string text;
  for (const CertificateStatus& one : all) {
    std::vector<Row> rows{{"names", join(one.live.leaf.names, ", ")},
                          {"version", fmt::format("{} from {}", one.live.number, one.live.leaf.issuer)},
                          {"expires", fmt::format("{} ({})", format_time(one.live.leaf.not_after),
                                                  remaining(one.live.leaf.not_after, now))},
                          {"renewal", fmt::format("{} ({})", format_time(one.due), remaining(one.due, now))},
                          {"served by", served_by(one.state, one.live.number)}};
    if (one.state.failure)
      rows.push_back({"last failure", fmt::format("{} ({} in a row): {}", format_time(one.state.failure->at),
                                                  one.state.failure->count, one.state.failure->message)});
    text += one.name + "\n" +
            format_table(rows, {.width = context.terminal.width, .color = context.terminal.color}, 2) + "\n";
  }
  text.pop_back();
  return text;
}

}  // namespace

void run_status(Context& context) {
  const std::vector<CertificateStatus> all = collect(context);
  if (!context.invocation.json) return write_result(to_text(context, all));
  nlohmann::json document{{"version", 1}, {"certificates", to_json(all)}};
  add_findings(document, context.report);
  write_result(dump(document));
}

}  // namespace mxcert::app
