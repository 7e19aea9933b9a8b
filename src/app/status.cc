#include <fmt/format.h>

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
  std::optional<store::Version> live;  // none: every attempt has failed so far
  store::CertificateState state;
};

/// When it is to be renewed.
SystemTime due(const store::Version& live) {
  return mx::due_time(live.leaf.not_after, live.leaf.lifetime());
}

std::vector<CertificateStatus> collect(Context& context) {
  std::vector<CertificateStatus> all;
  for (const std::string& name : context.certificates.known_names()) {
    try {
      CertificateStatus one{name, context.certificates.find_live(name), context.certificates.load_state(name)};
      if (one.live || one.state.failure) all.push_back(std::move(one));
    } catch (Error& e) {
      e.add_context(name);
      context.report.add_error(e, name);
    }
  }
  return all;
}

void add_live(Json& entry, const store::Version& live) {
  entry["names"] = live.leaf.names;
  entry["certificate_version"] = live.number;
  entry["not_before"] = format_time(live.leaf.not_before);
  entry["not_after"] = format_time(live.leaf.not_after);
  entry["renew_at"] = format_time(due(live));
  entry["directory"] = live.record.directory;
  entry["fingerprint"] = live.leaf.sha256_fingerprint;
}

Json to_json(const std::vector<CertificateStatus>& all) {
  Json list = Json::array();
  for (const CertificateStatus& one : all) {
    Json deployments = Json::array();
    for (const auto& [target, deployment] : one.state.deployments)
      deployments.push_back({{"target", target},
                             {"certificate_version", deployment.version},
                             {"state", store::to_string(deployment.state)},
                             {"at", format_time(deployment.at)},
                             {"message", deployment.message}});
    Json failure;
    if (one.state.failure)
      failure = {{"count", one.state.failure->count},
                 {"at", format_time(one.state.failure->at)},
                 {"message", one.state.failure->message},
                 {"hint", one.state.failure->hint},
                 {"next_attempt", format_time(next_attempt(*one.state.failure))}};
    Json entry{{"name", one.name},
               {"desired", one.state.desired},
               {"certificate_version", nullptr},
               {"deployments", deployments},
               {"failure", failure}};
    if (one.live) add_live(entry, *one.live);
    list.push_back(std::move(entry));
  }
  return list;
}

std::string remaining(SystemTime until, SystemTime now) {
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(until - now);
  return left.count() < 0 ? format_duration(-left) + " ago" : "in " + format_duration(left);
}

std::vector<Row> describe_live(const store::Version& live, SystemTime now) {
  return {{"names", join(live.leaf.names, ", ")},
          {"version", fmt::format("{} from {}", live.number, live.leaf.issuer)},
          {"expires", fmt::format("{} ({})", format_time(live.leaf.not_after), remaining(live.leaf.not_after, now))},
          {"renewal", fmt::format("{} ({})", format_time(due(live)), remaining(due(live), now))}};
}

Row describe_deployment(const std::string& target, const store::Deployment& deployment, const std::string& live) {
  const std::string version = deployment.version == live ? "" : fmt::format(", version {}", deployment.version);
  using State = store::Deployment::State;
  const std::string since = format_time(deployment.at);
  switch (deployment.state) {
    case State::verified:
      return {"served by", fmt::format("{}{}, seen at {}", target, version, since)};
    case State::unverifiable:
    case State::unverified:
      return {"installed", fmt::format("{}{}, not seen to be served: {}", target, version, deployment.message)};
    case State::failed:
      return {"not served by", fmt::format("{}: {}", target, deployment.message)};
    case State::withdrawn:
      return {"not served by", fmt::format("{}: taken away at {}; mxcert deploy brings it back", target, since)};
  }
  return {"not served by", target};
}

std::string describe(const CertificateStatus& one, SystemTime now, const TextStyle& style) {
  std::vector<Row> rows;
  if (one.live)
    rows = describe_live(*one.live, now);
  else
    rows.push_back({"version", "none yet"});
  for (const auto& [target, deployment] : one.state.deployments)
    rows.push_back(describe_deployment(target, deployment, one.live ? one.live->number : ""));
  if (const auto& failure = one.state.failure)
    rows.push_back({"last failure", fmt::format("{}{}: {}", format_time(failure->at),
                                                failure->count > 1 ? fmt::format(" ({} in a row)", failure->count) : "",
                                                failure->message)});
  return one.name + "\n" + format_table(rows, style, 2);
}

std::string to_text(const Context& context, const std::vector<CertificateStatus>& all) {
  if (all.empty()) return fmt::format("no certificate is stored in {} yet\n", context.state.root().string());
  std::string text;
  for (const CertificateStatus& one : all)
    text += (text.empty() ? "" : "\n") +
            describe(one, context.clock.now(), {.width = context.terminal.width, .color = context.terminal.color});
  return text;
}

}  // namespace

void run_status(Context& context) {
  const std::vector<CertificateStatus> all = collect(context);
  if (!context.invocation.json) return write_result(to_text(context, all));
  Json document{{"version", 1}, {"certificates", to_json(all)}};
  add_findings(document, context.report);
  write_result(dump(document));
}

}  // namespace mxcert::app
