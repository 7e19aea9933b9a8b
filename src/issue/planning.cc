#include "issue/planning.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "dns/authority.h"
#include "issue/domains.h"
#include "issue/failing_names.h"
#include "issue/internal_ca.h"
#include "issue/key_types.h"
#include "issue/name_histories.h"
#include "issue/profile.h"
#include "issue/renewal.h"
#include "issue/resolver_options.h"
#include "issue/run.h"
#include "mx/split_horizon.h"

namespace mxcert::issue {
namespace {

using Arguments = std::span<const std::string>;

dns::DnsName parse_argument(const std::string& argument) {
  try {
    return dns::DnsName::parse(argument);
  } catch (const Error& e) {
    throw ConfigError(e.message(), e.hint());
  }
}

/// The domains of all sources; the arguments themselves when there is none. Arguments among the domains choose.
std::vector<mx::MailDomain> mail_domains(Arguments arguments, std::vector<mx::MailDomain> domains) {
  const bool configured = !domains.empty();
  for (const std::string& argument : arguments) {
    const dns::DnsName name = parse_argument(argument);
    if (!configured) {
      domains.push_back({name, "command line"});
    } else if (std::ranges::none_of(domains, [&](const mx::MailDomain& domain) { return domain.name == name; })) {
      throw ConfigError(fmt::format("{} is not among the configured mail domains", dns::display_name(name)),
                        "add it to [domains] list, or say --domain " + name.ascii());
    }
  }
  return domains;
}

std::string describe_ca(const std::string& directory_url) {
  return directory_url == config::internal_directory ? "the internal CA" : directory_url;
}

/// A certificate of the CA's staging is not what the real one is asked for, and a revoked one is none.
std::string why_unwanted(const config::CaConfig& ca, const store::Revocation* revoked, const store::VersionPart& part) {
  if (revoked != nullptr) return fmt::format("it has been revoked ({})", revoked->reason);
  const std::string& directory = part.record.directory;
  // One from a fallback stays until it is due: it is as good, and the first CA may be down still.
  if (directory.empty() || find_ca(ca, directory) != nullptr) return {};
  return fmt::format("it is from {}, and {} is configured", describe_ca(directory), describe_ca(ca.directory_url));
}

std::vector<mx::CurrentPart> current_parts(const config::Config& config, const store::CertificateState& state,
                                           const store::Version& live) {
  std::vector<mx::CurrentPart> parts;
  for (const store::VersionPart& part : live.parts()) {
    const DueTime due = due_time(state, part.leaf, config.renew);
    parts.push_back({.family = part.leaf.key_family,
                     .names = part.leaf.names,
                     .not_before = part.leaf.not_before,
                     .not_after = part.leaf.not_after,
                     .renew_at = due.at,
                     .renew_why = due.reason == DueTime::Reason::renewal_window ? "the CA wants it renewed" : "",
                     .unwanted = why_unwanted(config.ca, state.find_revocation(live.number), part)});
  }
  return parts;
}

/// It is to have what it had.
std::vector<mx::CurrentPart> damaged_part(const store::CertificateState& state) {
  return {{.names = state.desired, .renew_at = SystemTime::max(), .unwanted = "its stored files are damaged"}};
}

mx::CurrentCertificate current_certificate(const config::Config& config, const store::Certificate& certificate) {
  const store::CertificateState& state = certificate.state;
  const store::Version* live = certificate.live.intact();
  return {.name = certificate.name,
          .parts = live != nullptr ? current_parts(config, state, *live) : damaged_part(state),
          .desired = state.desired,
          .is_default = state.is_default,
          .unplanned = state.unplanned};
}

/// What is live, and what could not be had yet.
void describe_certificates(const config::Config& config, const store::Inventory& inventory, mx::PlanInput& input) {
  for (const auto& [name, certificate] : inventory) {
    if (certificate.live.exists())
      input.current.push_back(current_certificate(config, certificate));
    else if (!certificate.state.desired.empty())
      input.tried.push_back(
          {.name = name, .desired = certificate.state.desired, .is_default = certificate.state.is_default});
  }
}

/// Leaves what concerns the domains that were named: the plan is made for all, so that a choice shrinks no certificate.
void keep_chosen(Arguments arguments, mx::Plan& plan) {
  std::set<dns::DnsName> chosen;
  for (const std::string& argument : arguments)
    chosen.insert(parse_argument(argument));
  std::erase_if(plan.domains, [&](const mx::PlannedDomain& domain) { return !chosen.contains(domain.domain); });
  std::set<dns::DnsName> hosts;
  for (const mx::PlannedDomain& domain : plan.domains) {
    for (const mx::PlannedTarget& target : domain.targets)
      hosts.insert(target.host);
    for (const mx::PlannedService& service : domain.services)
      for (const mx::PlannedTarget& target : service.targets)
        hosts.insert(target.host);
  }
  std::set<std::string> subjects;
  for (const dns::DnsName& domain : chosen)
    subjects.insert(domain.ascii());
  for (const dns::DnsName& host : hosts)
    subjects.insert(host.ascii());
  std::erase_if(plan.certificates, [&](const mx::PlannedCertificate& certificate) {
    return std::ranges::none_of(certificate.names, [&](const dns::DnsName& name) { return hosts.contains(name); });
  });
  std::erase_if(plan.warnings, [&](const mx::Warning& warning) { return !subjects.contains(warning.subject); });
}

std::vector<mx::Warning> warnings_of(dns::Validation validation) {
  switch (validation) {
    case dns::Validation::on:
    case dns::Validation::off:
      break;
    case dns::Validation::no_trust_anchor:
      return {
          {"no_trust_anchor", "dns.trust_anchor",
           "DNSSEC is not checked, for want of a trust anchor: install the package dns-root-data, or name a file as "
           "dns.trust_anchor"}};
    case dns::Validation::stripped:
      return {
          {"dnssec_stripped", "dns.servers",
           "DNSSEC is not checked, since the DNS servers in use pass no signatures on: name others as dns.servers"}};
  }
  return {};
}

/// A renewal with nothing to do asks for no more than it needs.
bool is_about_to_order(const Run& run, const mx::Plan& plan) {
  return !run.policy.asks_only_when_due ||
         std::ranges::any_of(plan.certificates, [](const auto& c) { return c.action != mx::Action::none; });
}

std::optional<mx::Warning> find_split_horizon(const Run& run, const mx::Plan& plan) {
  if (const auto inner = mx::find_inner_address(plan)) return mx::warn_of_view(*inner);
  if (!is_about_to_order(run, plan)) return std::nullopt;
  const auto authority = dns::find_authority(run.clock, run.config.dns_servers, mx::questions_about_view(plan));
  if (!authority) return std::nullopt;
  return mx::warn_of_view(fmt::format("{} answers for {} from data of its own", authority->server,
                                      dns::display_name(authority->question.name)));
}

/// The resolver, which remembers every answer, is gone when it returns. `warnings` gets what is wrong with the servers.
std::vector<mx::MxLookup> look_up(Run& run, const std::vector<mx::MailDomain>& domains,
                                  std::vector<mx::Warning>& warnings) {
  report::ProgressLine progress(run.policy.shows_progress);
  dns::UnboundResolver resolver(run.clock, resolver_options(run.config, progress));
  std::vector<mx::MxLookup> lookups = mx::find_mx_targets(resolver, domains, {.services = run.config.services});
  progress.clear();
  warnings = warnings_of(resolver.validation());
  return lookups;
}

/// Where the DNS leads nowhere yet, and no CA is asked about the name: what a new host calls itself.
mx::Plan plan_own_name(Clock& clock, mx::PlanInput input, mx::Plan plan) {
  const auto own = find_own_name(clock);
  if (!own) return plan;
  input.extra_names = {*own};
  mx::Plan planned = mx::plan_certificates(input);
  planned.warnings.push_back(
      {"own_name", own->ascii(),
       fmt::format("{} is this host's own name: no MX host name leads to this host yet", dns::display_name(*own))});
  return planned;
}

void report_gap(report::Report& report, const dns::DnsName& domain, bool bogus, bool tolerated, std::string_view what) {
  Finding finding{.code = bogus ? "dns_bogus" : "dns_temporary",
                  .subject = domain.ascii(),
                  .message = fmt::format("{}: {}", dns::display_name(domain), what),
                  .hint = bogus ? "senders that validate cannot reach this domain either: its DNSSEC is broken"
                                : "names that were served stay; run the same command again when the DNS answers"};
  if (tolerated) {
    report.add_warning(std::move(finding));
  } else {
    report.add_error(std::move(finding));
  }
}

}  // namespace

mx::Plan make_plan(Run& run, std::span<const std::string> chosen) {
  const bool internal = is_internal(run.config.ca);
  if (chosen.empty() && !internal) config::require_domains(run.config);
  mx::DomainList listed = list_domains(run.config, run.clock);
  mx::PlanInput input;
  std::vector<mx::Warning> dns_warnings;
  input.lookups = look_up(run, mail_domains(chosen, std::move(listed.domains)), dns_warnings);
  input.rules = {.local_addresses = mx::local_addresses(),
                 .addresses = run.config.host_addresses,
                 .siblings = run.config.host_siblings,
                 .names = run.config.host_names,
                 .exclude = run.config.host_exclude};
  input.needs_all_addresses = [&](const dns::DnsName& host) {
    return !internal && port_of(run.config.challenge.method_for(host).type) != 0;
  };
  input.extra_names = run.config.extra_names;
  describe_certificates(run.config, run.inventory, input);
  input.key_types = run.config.key_types;
  input.pack = run.config.pack;
  input.max_names = limit_names(run.config.ca.profile, run.config.max_names);
  for (const config::CaConfig& fallback : run.config.ca.fallback)
    input.max_names = limit_names(fallback.profile, input.max_names);
  if (run.policy.waits_after_failures) input.postponed = postponed_names(run.inventory, run.clock.now());
  input.history = load_histories(run.store.name_records);
  input.keep_for = run.config.keep_for;
  input.prune = run.policy.prune;
  input.wait_for_second_sight = run.policy.wants_second_sight;
  input.now = run.clock.now();
  mx::Plan plan = mx::plan_certificates(input);
  if (internal && plan.certificates.empty()) plan = plan_own_name(run.clock, std::move(input), std::move(plan));
  plan.warnings.insert(plan.warnings.begin(), listed.warnings.begin(), listed.warnings.end());
  warn_of_failing_names(run.inventory, plan);
  if (!chosen.empty()) keep_chosen(chosen, plan);
  std::ranges::move(dns_warnings, std::back_inserter(plan.warnings));
  if (const auto warning = find_split_horizon(run, plan)) plan.warnings.push_back(*warning);
  return plan;
}

void report_gaps(report::Report& report, const mx::Plan& plan, bool tolerates_unknown_names) {
  for (const mx::PlannedDomain& domain : plan.domains) {
    if (domain.status == mx::MxStatus::temporary || domain.status == mx::MxStatus::bogus)
      report_gap(report, domain.domain, domain.status == mx::MxStatus::bogus, tolerates_unknown_names, domain.reason);
    for (const mx::PlannedService& service : domain.services)
      if (service.status != dns::AnswerStatus::ok)
        report_gap(report, domain.domain, service.status == dns::AnswerStatus::bogus, tolerates_unknown_names,
                   fmt::format("{} {}", service.service, service.reason));
  }
  if (plan.certificates.empty())
    report.add_error(
        {.code = "no_names",
         .subject = "",
         .message = "no MX host name leads to this host: there is nothing to get a certificate for",
         .hint = "mxcert plan says why for each name; behind NAT, list the public addresses in [hosts] addresses"});
}

}  // namespace mxcert::issue
