#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "report/report.h"
#include "report/table.h"
#include "store/certificates.h"

namespace mxcert::report {

/// When the CA wants a certificate renewed, and what that comes to.
struct WindowStatus {
  store::RenewalWindow window;
  SystemTime chosen = {};    // the moment of it that is ours
  bool is_too_late = false;  // less than a tenth of the lifetime before the end
  SystemTime asked_at = {};
  SystemTime next_question = {};
};

/// One certificate of the live version.
struct PartStatus {
  store::VersionPart part;
  std::optional<WindowStatus> window = {};  // empty: the CA has not said
};

/// Something that failed, and when `renew` tries it again.
struct FailureStatus {
  std::string subject;
  store::Failure failure;
  SystemTime next_attempt = {};
};

/// What is known here of one certificate.
struct CertificateStatus {
  std::string name;
  std::string version = {};            // that is live; empty: every attempt has failed so far
  std::vector<PartStatus> parts = {};  // of it, the primary one first
  SystemTime renew_at = {};            // of the first part that is due
  store::CertificateState state = {};
  std::optional<FailureStatus> failure = {};
  std::vector<FailureStatus> failing_names = {};
};

/// For people: a table for each.
std::string status_to_text(std::span<const CertificateStatus> all, const TextStyle& style, SystemTime now);
/// `status --json`, schema version 1.
std::string status_to_json(std::span<const CertificateStatus> all, const Report& report);

}  // namespace mxcert::report
