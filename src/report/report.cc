#include "report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/name_table.h"
#include "base/text.h"
#include "report/json.h"

namespace mxcert::report {
namespace {

std::string describe_failure(const CertificateOutcome& outcome) {
  if (outcome.version.empty()) return "failed";
  if (outcome.targets.empty()) return fmt::format("failed, version {} stays", outcome.version);
  return fmt::format("version {} is not in service", outcome.version);
}

using Action = CertificateOutcome::Action;
using Result = CertificateOutcome::Result;

constexpr auto action_names = name_table<Action>({
    {Action::issue, "issue"},
    {Action::renew, "renew"},
    {Action::replace, "replace"},
    {Action::none, "none"},
    {Action::deploy, "deploy"},
    {Action::rollback, "rollback"},
    {Action::withdraw, "withdraw"},
});
constexpr auto result_names = name_table<Result>({
    {Result::unchanged, "unchanged"},
    {Result::waiting, "waiting"},
    {Result::issued, "issued"},
    {Result::deployed, "deployed"},
    {Result::rolled_back, "rolled_back"},
    {Result::withdrawn, "withdrawn"},
    {Result::placeholder, "placeholder"},
    {Result::planned, "planned"},
    {Result::failed, "failed"},
});

std::string describe_plan(const CertificateOutcome& outcome) {
  if (outcome.version.empty())
    return fmt::format("would {} {}", to_string(outcome.action), count_of(outcome.names.size(), "name"));
  return fmt::format("would {} version {}",
                     outcome.action == Action::rollback ? "roll back to" : to_string(outcome.action), outcome.version);
}

std::string describe_issued(const CertificateOutcome& outcome) {
  std::string text = fmt::format("issued version {} for {}", outcome.version, count_of(outcome.names.size(), "name"));
  if (outcome.key_types.size() > 1) text += fmt::format(" with {}", join(outcome.key_types, " and "));
  return text;
}

std::string describe(const CertificateOutcome& outcome) {
  switch (outcome.result) {
    case Result::unchanged:
      return "nothing is due";
    case Result::waiting:
      return "left alone for now, after a failure";
    case Result::issued:
      return describe_issued(outcome);
    case Result::failed:
      return describe_failure(outcome);
    case Result::planned:
      return describe_plan(outcome);
    case Result::rolled_back:
      return fmt::format("rolled back to version {}", outcome.version);
    case Result::deployed:
    case Result::withdrawn:
    case Result::placeholder:
      return fmt::format("{} version {}", to_string(outcome.result), outcome.version);
  }
  return {};
}

std::string headline(const CertificateOutcome& outcome, SystemTime now) {
  std::string line = fmt::format("{}: {}", outcome.name, describe(outcome));
  if (outcome.not_after)
    line += fmt::format(", valid until {} ({})", format_time(*outcome.not_after),
                        format_duration(std::chrono::duration_cast<std::chrono::seconds>(*outcome.not_after - now)));
  return line;
}

}  // namespace

std::string_view to_string(Action action) {
  return name_of(action_names, action);
}
std::string_view to_string(Result result) {
  return name_of(result_names, result);
}

Action to_action(mx::Action action) {
  switch (action) {
    case mx::Action::issue:
      return Action::issue;
    case mx::Action::renew:
      return Action::renew;
    case mx::Action::replace:
      return Action::replace;
    case mx::Action::none:
      return Action::none;
  }
  return Action::none;
}

void Report::add_warning(Finding finding) {
  untold_.push_back(finding);
  warnings_.push_back(std::move(finding));
}
void Report::add_told_warning(Finding finding) {
  warnings_.push_back(std::move(finding));
}
void Report::add_error(Finding finding) {
  errors_.push_back(std::move(finding));
}
void Report::add_error(const Error& error, const std::string& subject) {
  errors_.push_back({.code = error.code(), .subject = subject, .message = error.message(), .hint = error.hint()});
}

void Report::append(Report other) {
  std::ranges::move(other.warnings_, std::back_inserter(warnings_));
  std::ranges::move(other.untold_, std::back_inserter(untold_));
  std::ranges::move(other.errors_, std::back_inserter(errors_));
  std::ranges::move(other.outcomes_, std::back_inserter(outcomes_));
}

bool attempt(Report& report, const std::string& subject, const std::string& context,
             const std::function<void()>& step) {
  try {
    step();
    return true;
  } catch (Error& e) {
    e.add_context(context);
    report.add_error(e, subject);
  } catch (const std::exception& e) {
    Error unexpected = unexpected_failure(e);
    unexpected.add_context(context);
    report.add_error(unexpected, subject);
  }
  return false;
}

bool attempt(Report& report, const std::string& subject, const std::function<void()>& step) {
  return attempt(report, subject, subject, step);
}

std::string to_json(const Report& report) {
  Json certificates = Json::array();
  for (const CertificateOutcome& outcome : report.outcomes()) {
    Json targets = Json::array();
    for (const TargetOutcome& target : outcome.targets)
      targets.push_back({{"target", target.target}, {"result", to_string(target.status)}, {"message", target.message}});
    certificates.push_back({{"name", outcome.name},
                            {"names", outcome.names},
                            {"action", to_string(outcome.action)},
                            {"result", to_string(outcome.result)},
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
