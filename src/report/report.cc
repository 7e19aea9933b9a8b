#include "report/report.h"

#include <fmt/format.h>

#include "base/text.h"
#include "report/json.h"

namespace mxcert::report {
namespace {

std::string describe_failure(const CertificateOutcome& outcome) {
  if (outcome.version.empty()) return "failed";
  if (outcome.targets.empty()) return fmt::format("failed, version {} stays", outcome.version);
  return fmt::format("version {} is not in service", outcome.version);
}

std::string headline(const CertificateOutcome& outcome, SystemTime now) {
  std::string line = fmt::format("{}: ", outcome.name);
  if (outcome.result == "unchanged") {
    line += "nothing is due";
  } else if (outcome.result == "waiting") {
    line += "left alone for now, after a failure";
  } else if (outcome.result == "issued") {
    line += fmt::format("issued version {} for {}", outcome.version, count_of(outcome.names.size(), "name"));
    if (outcome.key_types.size() > 1) line += fmt::format(" with {}", join(outcome.key_types, " and "));
  } else if (outcome.result == "failed") {
    line += describe_failure(outcome);
  } else if (outcome.result == "planned") {
    line += outcome.version.empty()
                ? fmt::format("would {} {}", outcome.action, count_of(outcome.names.size(), "name"))
                : fmt::format("would {} version {}", outcome.action == "rollback" ? "roll back to" : outcome.action,
                              outcome.version);
  } else {
    line += fmt::format("{} version {}", outcome.result == "rolled_back" ? "rolled back to" : outcome.result,
                        outcome.version);
  }
  if (outcome.not_after)
    line += fmt::format(", valid until {} ({})", format_time(*outcome.not_after),
                        format_duration(std::chrono::duration_cast<std::chrono::seconds>(*outcome.not_after - now)));
  return line;
}

}  // namespace

void Report::add_warning(Finding finding) {
  warnings_.push_back(std::move(finding));
}
void Report::add_error(Finding finding) {
  errors_.push_back(std::move(finding));
}
void Report::add_error(const Error& error, const std::string& subject) {
  errors_.push_back({.code = error.code(), .subject = subject, .message = error.message(), .hint = error.hint()});
}

std::string to_json(const Report& report) {
  Json certificates = Json::array();
  for (const CertificateOutcome& outcome : report.outcomes()) {
    Json targets = Json::array();
    for (const TargetOutcome& target : outcome.targets)
      targets.push_back({{"target", target.target}, {"result", target.result}, {"message", target.message}});
    certificates.push_back({{"name", outcome.name},
                            {"names", outcome.names},
                            {"action", outcome.action},
                            {"result", outcome.result},
                            {"certificate_version", outcome.version.empty() ? Json() : Json(outcome.version)},
                            {"not_after", time_or_null(outcome.not_after)},
                            {"key_types", outcome.key_types},
                            {"tlsa", outcome.tlsa},
                            {"deployments", targets}});
  }
  Json document{{"version", 1}, {"certificates", certificates}};
  add_findings(document, report);
  return dump(document);
}

std::string to_text(const Report& report, SystemTime now) {
  std::string text;
  for (const CertificateOutcome& outcome : report.outcomes()) {
    text += headline(outcome, now) + "\n";
    for (const TargetOutcome& target : outcome.targets)
      text += fmt::format("  {}: {}\n", target.target, printable(target.message));
    if (!outcome.tlsa.empty()) text += "  to publish for DANE, where the zone is signed:\n";
    for (const std::string& record : outcome.tlsa)
      text += "    " + record + '\n';
  }
  return text;
}

}  // namespace mxcert::report
