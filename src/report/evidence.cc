#include "report/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/name_table.h"
#include "base/text.h"

namespace mxcert::report {
namespace {

using dns::DnsName;

std::vector<mx::Warning> warnings_about(const mx::Plan& plan, const DnsName& subject) {
  std::vector<mx::Warning> warnings;
  std::ranges::copy_if(plan.warnings, std::back_inserter(warnings),
                       [&](const mx::Warning& warning) { return warning.subject == subject.ascii(); });
  return warnings;
}

bool contains(std::span<const DnsName> names, const DnsName& name) {
  return std::ranges::find(names, name) != names.end();
}

void add_uses(HostEvidence& host, const mx::PlannedDomain& domain, std::span<const mx::PlannedTarget> targets,
              std::string_view service, dns::Security dnssec) {
  for (const mx::PlannedTarget& target : targets) {
    const bool through_alias = target.host != host.host;
    if (through_alias && target.canonical != host.host) continue;
    host.uses.push_back({&domain, &target, service, dnssec, through_alias});
  }
}

HostEvidence find_host(const mx::Plan& plan, std::span<const DnsName> extra_names, const DnsName& name) {
  HostEvidence host{.host = name, .is_extra = contains(extra_names, name), .warnings = warnings_about(plan, name)};
  for (const mx::PlannedDomain& domain : plan.domains) {
    add_uses(host, domain, domain.targets, {}, domain.dnssec);
    for (const mx::PlannedService& service : domain.services)
      add_uses(host, domain, service.targets, service.service, service.dnssec);
  }
  for (const mx::PlannedCertificate& certificate : plan.certificates) {
    const bool postponed = contains(certificate.postponed, name);
    if (!postponed && !contains(certificate.names, name)) continue;
    host.certificate = &certificate;
    host.is_postponed = postponed;
  }
  return host;
}

std::vector<DnsName> hosts_of(const mx::PlannedDomain& domain) {
  std::vector<DnsName> hosts;
  const auto add = [&](const mx::PlannedTarget& target) {
    if (!contains(hosts, target.host)) hosts.push_back(target.host);
  };
  std::ranges::for_each(domain.targets, add);
  for (const mx::PlannedService& service : domain.services)
    std::ranges::for_each(service.targets, add);
  return hosts;
}

/// Why a name is wanted although nobody's records say that it leads here.
std::string other_reason(const HostEvidence& host) {
  if (host.is_extra) return "since certificate.extra_names lists it";
  if (!host.uses.empty() && host.uses.front().through_alias)
    return fmt::format("since its alias {} leads here", dns::display_name(host.uses.front().target->host));
  return "which has had it";
}

constexpr auto caa_status_names = name_table<CaaVerdict::Status>({
    {CaaVerdict::Status::allowed, "allowed"},
    {CaaVerdict::Status::forbidden, "forbidden"},
    {CaaVerdict::Status::unknown, "unknown"},
    {CaaVerdict::Status::not_asked, "not_asked"},
});

}  // namespace

const mx::PlannedTarget* HostEvidence::target() const {
  const auto direct = std::ranges::find(uses, false, &HostUse::through_alias);
  return direct == uses.end() ? nullptr : direct->target;
}

Evidence find_evidence(const mx::Plan& plan, std::span<const DnsName> extra_names, const DnsName& name) {
  Evidence evidence{.name = name};
  const auto domain = std::ranges::find(plan.domains, name, &mx::PlannedDomain::domain);
  if (domain != plan.domains.end()) {
    evidence.domain = &*domain;
    evidence.warnings = warnings_about(plan, name);
    for (const DnsName& host : hosts_of(*domain))
      evidence.hosts.push_back(find_host(plan, extra_names, host));
  }
  if (std::ranges::find(evidence.hosts, name, &HostEvidence::host) != evidence.hosts.end()) return evidence;
  HostEvidence itself = find_host(plan, extra_names, name);
  if (itself.is_extra || itself.certificate != nullptr || !itself.uses.empty() ||
      (evidence.domain == nullptr && !itself.warnings.empty()))
    evidence.hosts.push_back(std::move(itself));
  return evidence;
}

std::string describe_verdict(const HostEvidence& host) {
  const mx::PlannedTarget* target = host.target();
  if (host.certificate == nullptr) {
    if (target == nullptr) return "on none: no MX host of a mail domain has this name, nor does extra_names";
    return fmt::format("on none: {}", target->reason);
  }
  const bool here = target != nullptr && (target->owner == mx::Owner::ours || target->owner == mx::Owner::sibling ||
                                          target->owner == mx::Owner::partly_ours);
  return fmt::format("{}{}, {}", host.certificate->name, host.is_postponed ? ", but not ordered now" : "",
                     here ? "since " + target->reason : other_reason(host));
}

std::string_view to_string(CaaVerdict::Status status) {
  return name_of(caa_status_names, status);
}

}  // namespace mxcert::report
