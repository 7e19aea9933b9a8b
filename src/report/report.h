#pragma once
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/finding.h"

namespace mxcert::report {

/// What happened at one deploy target.
struct TargetOutcome {
  std::string target;
  std::string result;  // verified, unverified, unchanged, rolled_back, needs_configuration, failed
  std::string message;
};

/// What happened to one certificate.
struct CertificateOutcome {
  std::string name;
  std::vector<std::string> names;
  std::string action;  // as in the plan, or deploy, rollback
  std::string result;  // issued, deployed, rolled_back, unchanged, waiting, failed, planned, placeholder
  std::string version;
  std::optional<SystemTime> not_after;
  std::vector<TargetOutcome> targets;
  std::vector<std::string> key_types = {};  // of the version
  std::vector<std::string> tlsa = {};       // records to publish, since nobody trusts the CA unasked
};

/// Collects what a run has to say. A run that has an error ends with exit status 1, after the rest was done.
class Report {
 public:
  void add_warning(Finding finding);
  void add_error(Finding finding);
  void add_error(const Error& error, const std::string& subject);
  void add(CertificateOutcome outcome) { outcomes_.push_back(std::move(outcome)); }

  /// The warnings so far were shown in another way.
  void warnings_told() { told_warnings_ = warnings_.size(); }
  std::span<const Finding> untold_warnings() const { return std::span(warnings_).subspan(told_warnings_); }

  bool failed() const { return !errors_.empty(); }
  const std::vector<Finding>& warnings() const { return warnings_; }
  const std::vector<Finding>& errors() const { return errors_; }
  const std::vector<CertificateOutcome>& outcomes() const { return outcomes_; }

 private:
  std::vector<Finding> warnings_;
  std::size_t told_warnings_ = 0;
  std::vector<Finding> errors_;
  std::vector<CertificateOutcome> outcomes_;
};

/// `{ "version": 1, "certificates": […], "warnings": […], "errors": […] }`, ending in a newline.
std::string to_json(const Report& report);
/// The outcomes as lines for people, one for each certificate and one for each of its targets.
std::string to_text(const Report& report, SystemTime now);

}  // namespace mxcert::report
