#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "mx/plan.h"
#include "report/plan_report.h"

namespace mxcert::report {

/// A record that leads to a host.
struct HostUse {
  const mx::PlannedDomain* domain;
  const mx::PlannedTarget* target;
  std::string_view service = {};                   // `_imaps._tcp`; empty: MX, or for want of one the domain itself
  dns::Security dnssec = dns::Security::insecure;  // of that record
  bool through_alias = false;                      // the record names an alias (CNAME) of the host
};

/// A stored certificate that has the name.
struct ServedName {
  std::string certificate;
  std::string version;
  SystemTime not_after;
};

/// What the CA would make of the CAA records (RFC 8659), as far as is known without asking it.
struct CaaVerdict {
  enum class Status { allowed, forbidden, unknown, not_asked };
  Status status = Status::not_asked;
  std::string message = {};  // a sentence
  std::string hint = {};     // for forbidden: what to do
};

struct NameFailure {
  std::string message;
  std::string hint;
  SystemTime at;
  SystemTime next_attempt;
};

/// What there is to know about one name that may be on a certificate.
struct HostEvidence {
  dns::DnsName host;
  std::vector<HostUse> uses = {};                       // in the order of the plan's domains
  bool is_extra = false;                                // in certificate.extra_names
  const mx::PlannedCertificate* certificate = nullptr;  // where the plan has it
  bool is_postponed = false;                            // there, but not ordered now
  std::vector<mx::Warning> warnings = {};               // about it
  std::vector<ServedName> served = {};
  CaaVerdict caa = {};
  std::optional<NameFailure> failure = {};              // the CA refused it
  std::optional<NameFailure> certificate_failure = {};  // the whole certificate failed

  /// As the records lead to it; null for a name that is only extra, or where an alias leads.
  const mx::PlannedTarget* target() const;
};

/// The chain of evidence for a mail domain, for a host, or for a name that is both. Points into the plan.
struct Evidence {
  dns::DnsName name;
  const mx::PlannedDomain* domain = nullptr;  // when it is a mail domain
  std::vector<HostEvidence> hosts = {};       // those of the domain; the name itself, unless it is only a domain
  std::vector<mx::Warning> warnings = {};     // about the domain
};

/// What the plan tells of `name`: without `served`, `caa` and failures. Nothing of all that is known: no domain, no
/// hosts.
Evidence find_evidence(const mx::Plan& plan, std::span<const dns::DnsName> extra_names, const dns::DnsName& name);

/// Whether it belongs on a certificate, and why or why not: `on certificate mx.example.com, which …`.
std::string describe_verdict(const HostEvidence& host);

std::string_view to_string(CaaVerdict::Status status);

/// For people; of long lists the beginning.
std::string evidence_to_text(const Evidence& evidence, const TextStyle& style);
/// `plan --explain NAME --json`, schema version 1.
std::string evidence_to_json(const Evidence& evidence);

}  // namespace mxcert::report
