#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/answer.h"
#include "dns/resolver.h"
#include "mx/host_lookup.h"

namespace mxcert::mx {

/// A domain that this host may take mail for, and where we know it from (`config`, a file, `exim`).
struct MailDomain {
  dns::DnsName name;
  std::string source = {};
  std::vector<std::string> other_sources = {};  // that name it too
};

/// Of one domain or service; whoever publishes more wants something else than mail.
constexpr std::size_t max_targets = 50;

struct MxTarget {
  dns::DnsName host;             // as the MX record has it: the name senders verify
  std::uint16_t preference = 0;  // never decides who gets a certificate
  bool implicit = false;         // the domain itself, for want of MX records
  HostLookup lookup = {};
};

enum class MxStatus {
  ok,
  null_mx,    // RFC 7505: takes no mail
  no_mail,    // exists, but has neither MX nor address
  nxdomain,   // does not exist
  temporary,  // nothing is known
  bogus,      // DNSSEC validation failed: nothing is known
};

struct Warning {
  std::string code;     // stable, such as `mx_is_cname`
  std::string subject;  // the name it is about, as A-labels
  std::string message;  // a sentence that begins with the subject, for people

  auto operator<=>(const Warning&) const = default;  // NOLINT(modernize-use-nullptr): takes the 0 of a < b
};

/// What the SRV records of one service say (RFC 6186, RFC 8314 §5.1): where people read and submit mail.
struct ServiceLookup {
  std::string_view service;                                 // `_imaps._tcp`, one of mail_services
  dns::AnswerStatus status = dns::AnswerStatus::temporary;  // ok, temporary or bogus
  dns::Security security = dns::Security::insecure;         // of the answer to the SRV question
  std::vector<MxTarget> targets = {};  // as those of MX, the priority as preference; never implicit
  std::string reason = {};             // why there are none, without subject: `is not offered`

  bool is_unknown() const { return status != dns::AnswerStatus::ok; }
};

/// The hosts that senders may deliver a domain's mail to, with how sure the DNS was.
struct MxLookup {
  MailDomain domain;
  MxStatus status = MxStatus::temporary;
  dns::Security security = dns::Security::insecure;  // of the answer to the MX question
  std::vector<MxTarget> targets = {};                // by preference, then host; each host once
  std::vector<ServiceLookup> services = {};          // if asked for: those with records, and those not known
  std::optional<dns::DnsName> canonical = {};        // when the domain is an alias
  std::string reason = {};  // why there are no targets, without subject: `does not exist in the DNS`
  /// About the domain: domain_is_cname, mx_duplicate, mx_many, mx_too_many, null_mx_with_others; about one of its
  /// hosts: mx_is_cname, mx_is_address, mx_is_localhost, mx_bad_host, mx_without_address (of SRV records srv_… with
  /// the same endings), private_address, loopback_address.
  std::vector<Warning> warnings = {};

  bool is_unknown() const { return status == MxStatus::temporary || status == MxStatus::bogus; }
};

struct LookupOptions {
  bool services = false;  // SRV records too
};

/// Looks up all domains together: first every MX, then every distinct host's addresses. One result for each distinct
/// domain, in the order given (the first source counts).
///
/// Never throws for what the DNS says: a failed lookup is a MxLookup whose status says so.
/// RFC 5321 §5.1 (implicit MX, CNAMEs), RFC 7505 (null MX), RFC 2181 §10.3 (a target must not be an alias).
std::vector<MxLookup> find_mx_targets(dns::Resolver& resolver, std::span<const MailDomain> domains,
                                      const LookupOptions& options = {});

std::string_view to_string(MxStatus status);

}  // namespace mxcert::mx
