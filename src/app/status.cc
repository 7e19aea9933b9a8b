#include <fmt/format.h>

#include <span>

#include "app/commands.h"
#include "app/context.h"
#include "base/error.h"
#include "base/text.h"
#include "issue/backoff.h"
#include "issue/fallback.h"
#include "issue/renewal.h"
#include "pki/key.h"
#include "report/json.h"
#include "report/table.h"

namespace mxcert::app {
namespace {

struct CertificateStatus {
  std::string name;
  const store::Version* live = nullptr;  // null: every attempt has failed so far
  const store::CertificateState& state;
  issue::DueTime due = {};  // of `live`
};

std::vector<CertificateStatus> collect(Context& context) {
  std::vector<CertificateStatus> all;
  for (const auto& [name, certificate] : context.inventory)
    attempt(context.report, name, [&] {
      CertificateStatus one{name, certificate.live.exists() ? &certificate.live_version() : nullptr, certificate.state};
      if (one.live != nullptr) one.due = issue::due_time(one.state, *one.live, context.config.renew);
      if (one.live != nullptr || one.state.failure || !one.state.failing_names.empty()) all.push_back(one);
    });
  return all;
}

report::Json renewal_info(const store::CertificateState& state, const pki::Certificate& leaf) {
  const store::RenewalInfo* info = state.find_renewal_info(leaf.renewal_id);
  const store::RenewalWindow* window = issue::find_window(leaf, info);
  if (window == nullptr) return {};
  return {{"start", format_time(window->start)},
          {"end", format_time(window->end)},
          {"chosen", format_time(issue::point_in_window(*window, leaf.sha256_fingerprint))},
          {"explanation_url", window->explanation_url.empty() ? report::Json() : report::Json(window->explanation_url)},
          {"asked_at", format_time(info->asked_at)},
          {"next_question", format_time(info->next_question)}};
}

std::string key_type_of(const pki::Certificate& leaf) {
  return leaf.key_type ? std::string(pki::to_string(*leaf.key_type)) : "unknown";
}

/// What each certificate of a version has of its own.
void add_part(report::Json& entry, const store::VersionPart& part, const store::CertificateState& state) {
  entry["key_type"] = key_type_of(part.leaf);
  entry["not_before"] = format_time(part.leaf.not_before);
  entry["not_after"] = format_time(part.leaf.not_after);
  entry["renewal_info"] = renewal_info(state, part.leaf);
  entry["directory"] = part.record.directory;
  entry["fingerprint"] = part.leaf.sha256_fingerprint;
}

const store::Revocation* revocation_of(const CertificateStatus& one) {
  return one.live != nullptr ? one.state.find_revocation(one.live->number) : nullptr;
}

void add_live(report::Json& entry, const CertificateStatus& one) {
  const std::vector<store::VersionPart> parts = one.live->parts();
  entry["names"] = one.live->leaf.names;
  entry["certificate_version"] = one.live->number;
  entry["renew_at"] = format_time(one.due.at);
  add_part(entry, parts.front(), one.state);
  entry["further"] = report::Json::array();
  for (const store::VersionPart& part : std::span(parts).subspan(1)) {
    report::Json further = report::Json::object();
    add_part(further, part, one.state);
    entry["further"].push_back(std::move(further));
  }
}

/// When `renew` tries the certificate again, which also waits for CAs that want to be left alone.
SystemTime next_attempt_for(const Context& context, const CertificateStatus& one) {
  const SystemTime own = issue::next_attempt(*one.state.failure, one.name);
  return std::max(own, issue::pause_of_all(context.config.ca, one.state.ca_pauses, context.clock.now()).value_or(own));
}

report::Json to_json(const store::Failure& failure, SystemTime next_attempt) {
  return {{"count", failure.count},
          {"at", format_time(failure.at)},
          {"message", failure.message},
          {"hint", failure.hint},
          {"next_attempt", format_time(next_attempt)}};
}

report::Json dane_to_json(const store::CertificateState& state) {
  report::Json list = report::Json::array();
  for (const auto& [owner, dane] : state.dane)
    list.push_back(
        {{"owner", owner}, {"status", dane.status}, {"fragile", dane.fragile}, {"at", format_time(dane.at)}});
  return list;
}

report::Json to_json(const Context& context, const std::vector<CertificateStatus>& all) {
  report::Json list = report::Json::array();
  for (const CertificateStatus& one : all) {
    report::Json deployments = report::Json::array();
    for (const auto& [target, deployment] : one.state.deployments)
      deployments.push_back({{"target", target},
                             {"certificate_version", deployment.version},
                             {"state", store::to_string(deployment.state)},
                             {"at", format_time(deployment.at)},
                             {"message", deployment.message}});
    report::Json failing_names = report::Json::array();
    for (const auto& [name, failure] : one.state.failing_names)
      failing_names.push_back({{"name", name}, {"failure", to_json(failure, issue::next_attempt(failure, name))}});
    report::Json entry{
        {"name", one.name},
        {"default", one.state.is_default ? report::Json(*one.state.is_default) : report::Json()},
        {"unplanned", one.state.unplanned},
        {"desired", one.state.desired},
        {"certificate_version", nullptr},
        {"deployments", deployments},
        {"failure", one.state.failure ? to_json(*one.state.failure, next_attempt_for(context, one)) : report::Json()},
        {"failing_names", failing_names},
        {"revoked", nullptr},
        {"dane", dane_to_json(one.state)}};
    if (one.live != nullptr) add_live(entry, one);
    if (const auto* revoked = revocation_of(one))
      entry["revoked"] = {{"reason", revoked->reason}, {"at", format_time(revoked->at)}};
    list.push_back(std::move(entry));
  }
  return list;
}

std::string remaining(SystemTime until, SystemTime now) {
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(until - now);
  return left.count() < 0 ? format_duration(-left) + " ago" : "in " + format_duration(left);
}

/// What the CA says about one certificate, each line with a line break before it.
std::string describe_window(const store::CertificateState& state, const pki::Certificate& leaf) {
  const store::RenewalWindow* window = issue::find_window(leaf, state.find_renewal_info(leaf.renewal_id));
  if (window == nullptr) return {};
  std::string text =
      fmt::format("\nthe CA wants it between {} and {}", format_time(window->start), format_time(window->end));
  if (issue::point_in_window(*window, leaf.sha256_fingerprint) > issue::last_moment(leaf))
    text += ", which is too late";
  if (!window->explanation_url.empty()) text += "\nwhy: " + window->explanation_url;
  return text;
}

std::string describe_renewal(const CertificateStatus& one, SystemTime now) {
  std::string text = fmt::format("{} ({})", format_time(one.due.at), remaining(one.due.at, now));
  for (const store::VersionPart& part : one.live->parts())
    text += describe_window(one.state, part.leaf);
  return text;
}

std::string describe_end(const pki::Certificate& leaf, SystemTime now) {
  return fmt::format("{} ({})", format_time(leaf.not_after), remaining(leaf.not_after, now));
}

std::vector<report::Row> describe_live(const CertificateStatus& one, SystemTime now) {
  const store::Version& live = *one.live;
  std::vector<report::Row> rows{{"names", join(live.leaf.names, ", ")},
                                {"version", fmt::format("{} from {}", live.number, live.leaf.issuer)},
                                {"key", key_type_of(live.leaf)},
                                {"expires", describe_end(live.leaf, now)}};
  for (const store::VersionPart& part : live.further) {
    rows.push_back({"and key", fmt::format("{} from {}", key_type_of(part.leaf), part.leaf.issuer)});
    rows.push_back({"expires", describe_end(part.leaf, now)});
  }
  rows.push_back({"renewal", describe_renewal(one, now)});
  return rows;
}

report::Row describe_deployment(const std::string& target, const store::Deployment& deployment,
                                const std::string& live) {
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

/// What senders that use DANE make of it.
report::Row describe_dane(const std::string& owner, const store::Dane& dane) {
  std::string text = fmt::format("{}: {}", owner, dane.status);
  if (dane.fragile) text += ", until a renewal";
  return {"DANE", fmt::format("{} (looked up at {})", text, format_time(dane.at))};
}

std::string describe_failure(const store::Failure& failure, SystemTime next_attempt) {
  const std::string times = failure.count > 1 ? fmt::format(" ({} in a row)", failure.count) : "";
  return fmt::format("{}{}: {}\nnot tried again before {}", format_time(failure.at), times, failure.message,
                     format_time(next_attempt));
}

/// What a certificate is beside others.
std::string describe_role(const store::CertificateState& state) {
  if (state.unplanned) return "not renewed: no name is planned for it";
  return state.is_default.value_or(false) ? "the default one: all that senders see that send no SNI" : "shown by SNI";
}

std::string describe(const Context& context, const CertificateStatus& one, bool is_alone) {
  const report::TextStyle style{.width = context.terminal.width, .color = context.terminal.color};
  std::vector<report::Row> rows;
  if (one.live != nullptr)
    rows = describe_live(one, context.clock.now());
  else
    rows.push_back({"version", "none yet"});
  if (!is_alone || one.state.unplanned) rows.push_back({"role", describe_role(one.state)});
  for (const auto& [target, deployment] : one.state.deployments)
    rows.push_back(describe_deployment(target, deployment, one.live != nullptr ? one.live->number : ""));
  for (const auto& [owner, dane] : one.state.dane)
    rows.push_back(describe_dane(owner, dane));
  if (const auto* revoked = revocation_of(one))
    rows.push_back(
        {"revoked", fmt::format("{} ({}); mxcert issue replaces it", format_time(revoked->at), revoked->reason)});
  for (const auto& [name, failure] : one.state.failing_names)
    rows.push_back({"refused", describe_failure(failure, issue::next_attempt(failure, name))});
  if (const auto& failure = one.state.failure)
    rows.push_back({"last failure", describe_failure(*failure, next_attempt_for(context, one))});
  return one.name + "\n" + report::format_table(rows, style, 2);
}

std::string to_text(const Context& context, const std::vector<CertificateStatus>& all) {
  if (all.empty()) return fmt::format("no certificate is stored in {} yet\n", context.store.directory.root().string());
  std::string text;
  for (const CertificateStatus& one : all)
    text += (text.empty() ? "" : "\n") + describe(context, one, all.size() == 1);
  return text;
}

}  // namespace

void run_status(Context& context) {
  context.read_inventory();
  const std::vector<CertificateStatus> all = collect(context);
  if (!context.invocation.json) return report::write_result(to_text(context, all));
  report::Json document{{"version", 1}, {"certificates", to_json(context, all)}};
  report::add_findings(document, context.report);
  report::write_result(report::dump(document));
}

}  // namespace mxcert::app
