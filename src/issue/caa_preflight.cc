#include "issue/caa_preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "dns/wildcard.h"
#include "issue/persistent_record.h"
#include "issue/resolver_options.h"
#include "issue/run.h"
#include "mx/caa.h"

namespace mxcert::issue {
namespace {

using Names = std::vector<std::string>;

/// One for each of `names`.
std::vector<mx::CaaLookup> look_up(const Run& run, const Names& names) {
  std::vector<dns::DnsName> parsed;
  parsed.reserve(names.size());
  for (const std::string& name : names)
    parsed.push_back(dns::DnsName::parse(dns::without_wildcard(name)));
  report::ProgressLine progress(run.policy.shows_progress);
  dns::UnboundResolver resolver(run.clock, resolver_options(run.config, progress));
  return mx::find_caa(resolver, parsed);
}

/// The CA asks for itself, perhaps with more luck.
void warn_of_unknown(Run& run, const std::string& name, const std::string& reason) {
  run.report.add_warning({.code = "caa_unknown",
                          .subject = name,
                          .message = fmt::format("{}: {}", name, reason),
                          .hint = "the CA refuses a name whose CAA records it cannot look up"});
}

Finding describe(const std::string& name, const dns::DnsName& owner, const mx::CaaObjection& objection) {
  return {.code = "caa_forbids",
          .subject = name,
          .message = fmt::format("{} is not ordered: the CAA records of {} {}", name, dns::display_name(owner),
                                 objection.reason),
          .hint = objection.remedy};
}

/// Those of `names` that are refused; `applicant` is asked for when there are records at all.
std::vector<Finding> judge(Run& run, const Names& names, const std::function<mx::CaaApplicant()>& applicant) {
  const std::vector<mx::CaaLookup> lookups = look_up(run, names);
  std::optional<mx::CaaApplicant> known;
  std::vector<Finding> refusals;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const mx::CaaLookup& lookup = lookups[i];
    if (!lookup.unknown.empty()) warn_of_unknown(run, names[i], lookup.unknown);
    if (!lookup.owner) continue;
    if (!known) known = applicant();
    known->wildcard = dns::is_wildcard(names[i]);
    known->method = to_string(run.config.challenge.method_for(names[i]).type);
    if (const auto objection = mx::find_objection(*lookup.owner, lookup.records, *known))
      refusals.push_back(describe(names[i], *lookup.owner, *objection));
  }
  return refusals;
}

mx::CaaApplicant applicant_without_asking(const Run& run) {
  const config::CaConfig& ca = run.config.ca;
  const auto account = run.store.accounts.find(ca.directory_url);
  return {.issuers = known_issuers(ca, run.store.accounts), .account = account ? account->url : std::string()};
}

report::CaaVerdict judge_one(const Run& run, const mx::CaaLookup& lookup, mx::CaaApplicant& applicant) {
  if (!lookup.unknown.empty()) return {report::CaaVerdict::Status::unknown, lookup.unknown, {}};
  if (!lookup.owner) return {report::CaaVerdict::Status::allowed, "no records: any CA may issue", {}};
  applicant.method = to_string(run.config.challenge.method_for(lookup.name).type);
  const std::string owner = dns::display_name(*lookup.owner);
  const auto objection = mx::find_objection(*lookup.owner, lookup.records, applicant);
  if (!objection) return {report::CaaVerdict::Status::allowed, fmt::format("the records of {} allow it", owner), {}};
  return {report::CaaVerdict::Status::forbidden, fmt::format("the records of {} {}", owner, objection->reason),
          objection->remedy};
}

}  // namespace

std::vector<report::CaaVerdict> judge_caa(Run& run, std::span<const dns::DnsName> names) {
  std::vector<report::CaaVerdict> verdicts;
  if (names.empty()) return verdicts;
  report::ProgressLine progress(run.policy.shows_progress);
  dns::UnboundResolver resolver(run.clock, resolver_options(run.config, progress));
  mx::CaaApplicant applicant = applicant_without_asking(run);
  for (const mx::CaaLookup& lookup : mx::find_caa(resolver, names))
    verdicts.push_back(judge_one(run, lookup, applicant));
  return verdicts;
}

void report_caa(Run& run, const mx::Plan& plan) {
  if (is_internal(run.config.ca)) return;  // its certificates are for who is told to trust it
  Names names;
  for (const mx::PlannedCertificate& certificate : plan.certificates)
    if (certificate.action != mx::Action::none) std::ranges::copy(certificate.ascii_names(), std::back_inserter(names));
  if (names.empty()) return;
  for (Finding& refusal : judge(run, names, [&] { return applicant_without_asking(run); }))
    run.report.add_error(std::move(refusal));
}

std::vector<Finding> find_caa_refusals(Run& run, CertificateAuthority& ca, const Names& names) {
  return judge(run, names, [&]() -> mx::CaaApplicant {
    const Deadline deadline = Deadline::after(run.clock, ca.config().timeout);
    acme::Client& client = ca.client(deadline);
    return {.issuers = client.directory(deadline).caa_identities, .account = client.account_url()};
  });
}

}  // namespace mxcert::issue
