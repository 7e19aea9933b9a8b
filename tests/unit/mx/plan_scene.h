#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "base/text.h"
#include "dns/fake_resolver.h"
#include "mx/plan.h"

namespace mxcert::test {

/// When plans are made.
constexpr SystemTime plan_time = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};

/// What a host with the addresses 192.0.2.1 and 2001:db8::1 finds in the DNS about these mail domains.
inline mx::PlanInput make_plan_input(FakeDns table, const std::vector<std::string>& domains,
                                     const mx::LookupOptions& options = {}) {
  FakeResolver resolver(std::move(table));
  std::vector<mx::MailDomain> mail_domains;
  for (const std::string& domain : domains)
    mail_domains.push_back({dns::DnsName::parse(domain), "config"});
  return {.lookups = find_mx_targets(resolver, mail_domains, options),
          .rules = {.local_addresses = {dns::IpAddress::parse("192.0.2.1"), dns::IpAddress::parse("2001:db8::1")}},
          .now = plan_time};
}

/// A certificate that holds `names`, stored under the first one, with so much time left.
inline mx::CurrentCertificate make_current(const std::vector<std::string>& names,
                                           std::chrono::hours left = std::chrono::days{60}) {
  return {.name = names.front(),
          .parts = {{.family = pki::KeyFamily::ecdsa,
                     .names = names,
                     .not_before = plan_time + left - std::chrono::days{90},
                     .not_after = plan_time + left,
                     .renew_at = plan_time + left - std::chrono::days{30}}}};
}

/// The plan's input on a host that has such a certificate.
inline mx::PlanInput with_live(mx::PlanInput input, const std::vector<std::string>& names,
                               std::chrono::hours left = std::chrono::days{60}) {
  input.current = {make_current(names, left)};
  return input;
}

/// `issue mx.example.com: mx.example.com; issue mx2.example.com: mx2.example.com`, or `none`
inline std::string certificates_of(const mx::Plan& plan) {
  if (plan.certificates.empty()) return "none";
  std::vector<std::string> texts;
  for (const mx::PlannedCertificate& one : plan.certificates)
    texts.push_back(std::string(to_string(one.action)) + " " + one.name + ": " + join(one.ascii_names(), " "));
  return join(texts, "; ");
}

/// `name_kept mx.example.com, …`
inline std::string warnings_of(const mx::Plan& plan) {
  std::vector<std::string> texts;
  for (const mx::Warning& warning : plan.warnings)
    texts.push_back(warning.code + " " + warning.subject);
  return join(texts, ", ");
}

/// example.com, example.net and example.org with their MX on this host; second.example on its second name.
inline FakeDns make_plan_zones() {
  return {.mx = {{"example.com", {{10, "mx.example.com"}}},
                 {"example.net", {{10, "mx.example.com"}}},
                 {"example.org", {{10, "mx.example.com"}}},
                 {"second.example", {{10, "mx2.example.com"}}},
                 {"foreign.example", {{10, "mx.foreign.example"}}},
                 {"partly.example", {{10, "mx.partly.example"}}}},
          .addresses = {{"mx.example.com", {"192.0.2.1", "2001:db8::1"}},
                        {"mx2.example.com", {"192.0.2.1"}},
                        {"mx.foreign.example", {"198.51.100.1"}},
                        {"mx.partly.example", {"192.0.2.1", "198.51.100.1"}}}};
}

}  // namespace mxcert::test
