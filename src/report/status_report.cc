#include "report/status_report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "pki/key.h"
#include "report/json.h"

namespace mxcert::report {
namespace {

Json renewal_info(const PartStatus& part) {
  if (!part.window) return {};
  const store::RenewalWindow& window = part.window->window;
  return {{"start", format_time(window.start)},
          {"end", format_time(window.end)},
          {"chosen", format_time(part.window->chosen)},
          {"explanation_url", window.explanation_url.empty() ? Json() : Json(window.explanation_url)},
          {"asked_at", format_time(part.window->asked_at)},
          {"next_question", format_time(part.window->next_question)}};
}

std::string key_type_of(const pki::Certificate& leaf) {
  return leaf.key_type ? std::string(pki::to_string(*leaf.key_type)) : "unknown";
}

/// What each certificate of a version has of its own.
void add_part(Json& entry, const PartStatus& status) {
  const store::VersionPart& part = status.part;
  entry["key_type"] = key_type_of(part.leaf);
  entry["not_before"] = format_time(part.leaf.not_before);
  entry["not_after"] = format_time(part.leaf.not_after);
  entry["renewal_info"] = renewal_info(status);
  entry["directory"] = part.record.directory;
  entry["fingerprint"] = part.leaf.sha256_fingerprint;
}

const store::Revocation* revocation_of(const CertificateStatus& one) {
  return one.version.empty() ? nullptr : one.state.find_revocation(one.version);
}

void add_live(Json& entry, const CertificateStatus& one) {
  entry["names"] = one.parts.front().part.leaf.names;
  entry["certificate_version"] = one.version;
  entry["renew_at"] = format_time(one.renew_at);
  add_part(entry, one.parts.front());
  entry["further"] = Json::array();
  for (const PartStatus& part : std::span(one.parts).subspan(1)) {
    Json further = Json::object();
    add_part(further, part);
    entry["further"].push_back(std::move(further));
  }
}

Json to_json(const FailureStatus& status) {
  return {{"count", status.failure.count},
          {"at", format_time(status.failure.at)},
          {"message", status.failure.message},
          {"hint", status.failure.hint},
          {"next_attempt", format_time(status.next_attempt)}};
}

Json dane_to_json(const store::CertificateState& state) {
  Json list = Json::array();
  for (const auto& [owner, dane] : state.dane)
    list.push_back(
        {{"owner", owner}, {"status", dane.status}, {"fragile", dane.fragile}, {"at", format_time(dane.at)}});
  return list;
}

Json deployments_to_json(const store::CertificateState& state) {
  Json list = Json::array();
  for (const auto& [target, deployment] : state.deployments)
    list.push_back({{"target", target},
                    {"certificate_version", deployment.version},
                    {"state", store::to_string(deployment.state)},
                    {"at", format_time(deployment.at)},
                    {"message", deployment.message}});
  return list;
}

Json to_json(const CertificateStatus& one) {
  Json failing_names = Json::array();
  for (const FailureStatus& failing : one.failing_names)
    failing_names.push_back({{"name", failing.subject}, {"failure", to_json(failing)}});
  Json entry{{"name", one.name},
             {"default", one.state.is_default ? Json(*one.state.is_default) : Json()},
             {"unplanned", one.state.unplanned},
             {"desired", one.state.desired},
             {"certificate_version", nullptr},
             {"deployments", deployments_to_json(one.state)},
             {"failure", one.failure ? to_json(*one.failure) : Json()},
             {"failing_names", failing_names},
             {"revoked", nullptr},
             {"dane", dane_to_json(one.state)}};
  if (!one.parts.empty()) add_live(entry, one);
  if (const auto* revoked = revocation_of(one))
    entry["revoked"] = {{"reason", revoked->reason}, {"at", format_time(revoked->at)}};
  return entry;
}

std::string remaining(SystemTime until, SystemTime now) {
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(until - now);
  return left.count() < 0 ? format_duration(-left) + " ago" : "in " + format_duration(left);
}

/// What the CA says about one certificate, each line with a line break before it.
std::string describe_window(const WindowStatus& status) {
  std::string text = fmt::format("\nthe CA wants it between {} and {}", format_time(status.window.start),
                                 format_time(status.window.end));
  if (status.is_too_late) text += ", which is too late";
  if (!status.window.explanation_url.empty()) text += "\nwhy: " + status.window.explanation_url;
  return text;
}

std::string describe_renewal(const CertificateStatus& one, SystemTime now) {
  std::string text = fmt::format("{} ({})", format_time(one.renew_at), remaining(one.renew_at, now));
  for (const PartStatus& part : one.parts)
    if (part.window) text += describe_window(*part.window);
  return text;
}

std::string describe_end(const pki::Certificate& leaf, SystemTime now) {
  return fmt::format("{} ({})", format_time(leaf.not_after), remaining(leaf.not_after, now));
}

std::vector<Row> describe_live(const CertificateStatus& one, SystemTime now) {
  const pki::Certificate& primary = one.parts.front().part.leaf;
  std::vector<Row> rows{{"names", join(primary.names, ", ")},
                        {"version", fmt::format("{} from {}", one.version, primary.issuer)},
                        {"key", key_type_of(primary)},
                        {"expires", describe_end(primary, now)}};
  for (const PartStatus& status : std::span(one.parts).subspan(1)) {
    const pki::Certificate& leaf = status.part.leaf;
    rows.push_back({"and key", fmt::format("{} from {}", key_type_of(leaf), leaf.issuer)});
    rows.push_back({"expires", describe_end(leaf, now)});
  }
  rows.push_back({"renewal", describe_renewal(one, now)});
  return rows;
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

/// What senders that use DANE make of it.
Row describe_dane(const std::string& owner, const store::Dane& dane) {
  std::string text = fmt::format("{}: {}", owner, dane.status);
  if (dane.fragile) text += ", until a renewal";
  return {"DANE", fmt::format("{} (looked up at {})", text, format_time(dane.at))};
}

std::string describe_failure(const FailureStatus& status) {
  const store::Failure& failure = status.failure;
  const std::string times = failure.count > 1 ? fmt::format(" ({} in a row)", failure.count) : "";
  return fmt::format("{}{}: {}\nnot tried again before {}", format_time(failure.at), times, failure.message,
                     format_time(status.next_attempt));
}

/// What a certificate is beside others.
std::string describe_role(const store::CertificateState& state) {
  if (state.unplanned) return "not renewed: no name is planned for it";
  return state.is_default.value_or(false) ? "the default one: all that senders see that send no SNI" : "shown by SNI";
}

std::string describe(const CertificateStatus& one, bool is_alone, const TextStyle& style, SystemTime now) {
  std::vector<Row> rows;
  if (one.parts.empty())
    rows.push_back({"version", "none yet"});
  else
    rows = describe_live(one, now);
  if (!is_alone || one.state.unplanned) rows.push_back({"role", describe_role(one.state)});
  for (const auto& [target, deployment] : one.state.deployments)
    rows.push_back(describe_deployment(target, deployment, one.version));
  for (const auto& [owner, dane] : one.state.dane)
    rows.push_back(describe_dane(owner, dane));
  if (const auto* revoked = revocation_of(one))
    rows.push_back(
        {"revoked", fmt::format("{} ({}); mxcert issue replaces it", format_time(revoked->at), revoked->reason)});
  for (const FailureStatus& failing : one.failing_names)
    rows.push_back({"refused", describe_failure(failing)});
  if (one.failure) rows.push_back({"last failure", describe_failure(*one.failure)});
  return one.name + "\n" + format_table(rows, style, 2);
}

}  // namespace

std::string status_to_text(std::span<const CertificateStatus> all, const TextStyle& style, SystemTime now) {
  std::string text;
  for (const CertificateStatus& one : all)
    text += (text.empty() ? "" : "\n") + describe(one, all.size() == 1, style, now);
  return text;
}

std::string status_to_json(std::span<const CertificateStatus> all, const Report& report) {
  Json list = Json::array();
  for (const CertificateStatus& one : all)
    list.push_back(to_json(one));
  Json document{{"version", 1}, {"certificates", list}};
  add_findings(document, report);
  return dump(document);
}

}  // namespace mxcert::report
