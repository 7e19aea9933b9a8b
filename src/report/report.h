#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/finding.h"
#include "deploy/deploy.h"
#include "mx/plan.h"

namespace mxcert::report {

/// What happened at one deploy target.
struct TargetOutcome {
  std::string target;
  deploy::DeployOutcome::Status status = deploy::DeployOutcome::Status::failed;
  std::string message;
};

/// What happened to one certificate.
struct CertificateOutcome {
  enum class Action { issue, renew, replace, none, deploy, rollback, withdraw };
  enum class Result {
    unchanged,    // nothing was due
    waiting,      // left alone for now, after a failure
    issued,       // and installed where that is configured
    deployed,     // what was stored already
    rolled_back,  // an earlier version is in service
    withdrawn,    // what was there before mxcert came is in service
    placeholder,  // one of the internal CA, until there is a real one
    planned,      // would have been done
    failed,
  };

  std::string name;
  std::vector<std::string> names = {};
  Action action = Action::none;
  Result result = Result::unchanged;
  std::string version = {};
  std::optional<SystemTime> not_after = {};
  std::vector<TargetOutcome> targets = {};
  std::vector<std::string> key_types = {};  // of the version
  std::vector<std::string> tlsa = {};       // records to publish, since nobody trusts the CA unasked
};
std::string_view to_string(CertificateOutcome::Action action);
std::string_view to_string(CertificateOutcome::Result result);
/// What the plan wants.
CertificateOutcome::Action to_action(mx::Action action);

/// Collects what a run has to say. A run that has an error ends with exit status 1, after the rest was done.
class Report {
 public:
  void add_warning(Finding finding);
  /// One that was shown in another way, such as in the plan's text.
  void add_told_warning(Finding finding);
  void add_error(Finding finding);
  void add_error(const Error& error, const std::string& subject);
  void add(CertificateOutcome outcome) { outcomes_.push_back(std::move(outcome)); }
  /// All that another one has collected.
  void append(Report other);

  bool failed() const { return !errors_.empty(); }
  const std::vector<Finding>& warnings() const { return warnings_; }
  std::span<const Finding> untold_warnings() const { return untold_; }
  const std::vector<Finding>& errors() const { return errors_; }
  const std::vector<CertificateOutcome>& outcomes() const { return outcomes_; }

 private:
  std::vector<Finding> warnings_;  // all
  std::vector<Finding> untold_;    // of these
  std::vector<Finding> errors_;
  std::vector<CertificateOutcome> outcomes_;
};

/// Does `step`, which is for one of several certificates. What it throws is an error of the report, `context` before
/// its message, and does not stop what is done for the others (law 3). Whether it worked. Interrupted goes through.
bool attempt(Report& report, const std::string& subject, const std::string& context, const std::function<void()>& step);
/// With the subject as context.
bool attempt(Report& report, const std::string& subject, const std::function<void()>& step);

/// `{ "version": 1, "certificates": […], "warnings": […], "errors": […] }`, ending in a newline.
std::string to_json(const Report& report);
/// The outcomes as lines for people, one for each certificate and one for each of its targets.
std::string to_text(const Report& report, SystemTime now);

}  // namespace mxcert::report
