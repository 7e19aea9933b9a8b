#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "mx/mx_lookup.h"
#include "mx/name_memory.h"
#include "mx/needs.h"
#include "mx/ownership.h"
#include "mx/packing.h"

namespace mxcert::mx {

/// What a live certificate is now, as far as the plan needs to know.
struct CurrentCertificate {
  std::string name;                       // what it is stored under
  std::vector<CurrentPart> parts = {};    // the primary one first; one if its files are damaged, with what it had
  std::vector<std::string> desired = {};  // the names that the plan before wanted on it; empty when that is not known
  std::optional<bool> is_default = {};    // as the plan before had it; empty when that is not known
  bool unplanned = false;                 // the plan before had no use for it: its names are not kept for its sake

  /// Of its primary part, and so of all.
  const std::vector<std::string>& names() const;
  /// When the first of its parts ends; empty: nobody knows.
  std::optional<SystemTime> not_after() const;
};

/// A certificate that could not be had yet: what belongs on it stays assigned to it.
struct TriedCertificate {
  std::string name;
  std::vector<std::string> desired = {};
  std::optional<bool> is_default = {};
};

/// Whether names that are definitely not wanted any more go without waiting for `keep_for`.
enum class Prune {
  no,
  at_renewal,  // with the next certificate
  now,         // and that is reason enough for one
};

struct PlanInput {
  std::vector<MxLookup> lookups = {};
  HostRules rules = {};
  std::vector<dns::DnsName> extra_names = {};  // always in
  std::vector<CurrentCertificate> current = {};
  std::vector<TriedCertificate> tried = {};
  std::vector<pki::KeyType> key_types = {pki::KeyType::ecdsa_p256};  // as Situation has them
  Pack pack = Pack::shared;
  std::size_t max_names = 100;            // of one certificate: configuration or the CA's profile
  std::set<dns::DnsName> postponed = {};  // left out for now, unless the live certificate has them
  NameHistories history = {};             // as the plan before left it
  std::chrono::seconds keep_for{};        // how long a definite answer has to last until a live name goes
  Prune prune = Prune::no;
  bool wait_for_second_sight = false;  // a new name replaces no certificate before a second plan wants it too
  /// Whether the CA connects to the host, to any of its addresses (http-01 and tls-alpn-01); empty: to each host.
  std::function<bool(const dns::DnsName&)> needs_all_addresses = {};
  SystemTime now = {};
};

struct PlannedTarget {
  dns::DnsName host;
  std::uint16_t preference = 0;
  bool implicit = false;
  Owner owner = Owner::unknown;
  std::vector<dns::IpAddress> addresses = {};
  dns::Security dnssec = dns::Security::insecure;  // of its addresses
  std::optional<dns::DnsName> canonical = {};
  std::string reason = {};  // why that owner
};

/// Of a service whose SRV records were asked for.
struct PlannedService {
  std::string_view service;                                 // `_imaps._tcp`
  dns::AnswerStatus status = dns::AnswerStatus::temporary;  // ok, temporary or bogus
  dns::Security dnssec = dns::Security::insecure;
  std::vector<PlannedTarget> targets = {};
  std::string reason = {};  // why there are no targets
};

struct PlannedDomain {
  dns::DnsName domain;
  std::string source = {};
  std::vector<std::string> other_sources = {};
  MxStatus status = MxStatus::temporary;
  dns::Security dnssec = dns::Security::insecure;
  std::vector<PlannedTarget> targets = {};
  std::vector<PlannedService> services = {};
  std::string reason = {};  // why there are no targets
};

enum class Action {
  issue,    // there is no certificate yet
  renew,    // it is due, and that is all
  replace,  // it lacks a name or a key that it must have, or is not wanted any more
  none,
};

struct PlannedCertificate {
  std::string name;                      // what it is stored under
  std::vector<dns::DnsName> names = {};  // what would be ordered; the certificate's own name first, then by alphabet
  bool is_default = false;               // the one that clients see that say no name (SNI)
  std::vector<dns::DnsName> postponed = {};    // what belongs on it too, and is left out for now
  std::vector<dns::DnsName> unconfirmed = {};  // and what has to be seen again before it is ordered
  std::vector<dns::DnsName> absent = {};       // of `names`, those that are only kept: the CA may well refuse them
  std::vector<dns::DnsName> moved = {};        // what its live version has, and another certificate is to have instead
  std::vector<dns::DnsName> covered = {};      // what its wildcards stand for, and is not on it for that
  Situation situation = {};
  std::vector<Need> needs = {};  // in this situation for `names`: what has to be ordered
  Action action = Action::none;  // what that amounts to
  bool is_due = false;           // by its time, whatever its names
  std::string why = {};
  std::optional<SystemTime> not_after = {};  // of the live one

  std::vector<std::string> ascii_names() const;
  /// Those that are left out for now, and the covered ones, too.
  std::vector<std::string> wanted_names() const;
};

struct Plan {
  std::vector<PlannedDomain> domains = {};
  std::vector<PlannedCertificate> certificates = {};  // the default one first; empty when no name is ours
  /// Those of the lookups, and the plan's own: domain_unknown, service_unknown, host_unknown, name_kept, name_missing,
  /// name_dropped, name_new,
  /// partly_ours, sibling, only_private_addresses, sni_needed, certificate_unplanned; and no_trust_anchor,
  /// dnssec_stripped, split_horizon of who looked up. Each once.
  std::vector<Warning> warnings = {};
  NameHistories history = {};  // what the next plan is to know
};

/// Which names go on which certificate, and what is to be done about it. Pure.
///
/// Law 1: a temporary or bogus answer neither adds a name nor takes one away that a live certificate has, nor does it
/// count as one of those that do. Law 2: a live name is dropped only when definite answers have been the same for
/// `keep_for`, or when a pattern of `rules.exclude` says so, and only from the next certificate: a drop alone replaces
/// nothing.
/// A target that is an alias (RFC 2181 §10.3 forbids it) is in under its own name, which most senders compare, and
/// under the one it leads to, which the others do (RFC 7672 §2.2.2), if that is ours as well. Names are spread over
/// certificates by pack_names.
Plan plan_certificates(const PlanInput& input);

std::string_view to_string(Action action);

}  // namespace mxcert::mx
