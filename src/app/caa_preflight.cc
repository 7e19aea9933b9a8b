#include "app/caa_preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "app/context.h"
#include "app/persistent_record.h"
#include "app/resolver_options.h"
#include "mx/caa.h"

namespace mxcert::app {
namespace {

using Names = std::vector<std::string>;

constexpr std::string_view wildcard_prefix = "*.";

bool is_wildcard(std::string_view name) {
  return name.starts_with(wildcard_prefix);
}

/// One for each of `names`.
std::vector<mx::CaaLookup> look_up(const Context& context, const Names& names) {
  std::vector<dns::DnsName> parsed;
  parsed.reserve(names.size());
  for (const std::string& name : names)
    parsed.push_back(dns::DnsName::parse(is_wildcard(name) ? name.substr(wildcard_prefix.size()) : name));
  report::ProgressLine progress(context.shows_progress());
  dns::UnboundResolver resolver(context.clock, resolver_options(context, progress));
  return mx::find_caa(resolver, parsed);
}

/// The CA asks for itself, perhaps with more luck.
void warn_of_unknown(Context& context, const std::string& name, const std::string& reason) {
  context.report.add_warning({.code = "caa_unknown",
                              .subject = name,
                              .message = fmt::format("{}: {}", name, reason),
                              .hint = "the CA refuses a name whose CAA records it cannot look up"});
}

void report_objection(Context& context, const std::string& name, const dns::DnsName& owner,
                      const mx::CaaObjection& objection) {
  context.report.add_error({.code = "caa_forbids",
                            .subject = name,
                            .message = fmt::format("{} is not ordered: the CAA records of {} {}", name,
                                                   dns::display_name(owner), objection.reason),
                            .hint = objection.remedy});
}

/// Reports and returns those of `names` that are refused; `applicant` is asked for when there are records at all.
Names judge(Context& context, const Names& names, const std::function<mx::CaaApplicant()>& applicant) {
  const std::vector<mx::CaaLookup> lookups = look_up(context, names);
  std::optional<mx::CaaApplicant> known;
  Names refused;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const mx::CaaLookup& lookup = lookups[i];
    if (!lookup.unknown.empty()) warn_of_unknown(context, names[i], lookup.unknown);
    if (!lookup.owner) continue;
    if (!known) known = applicant();
    known->wildcard = is_wildcard(names[i]);
    known->method = to_string(context.config.challenge.method_for(names[i]).type);
    const auto objection = mx::find_objection(*lookup.owner, lookup.records, *known);
    if (!objection) continue;
    report_objection(context, names[i], *lookup.owner, *objection);
    refused.push_back(names[i]);
  }
  return refused;
}

mx::CaaApplicant applicant_without_asking(const Context& context) {
  const config::CaConfig& ca = context.config.ca;
  const auto account = context.accounts.find(ca.directory_url);
  return {.issuers = known_issuers(context), .account = account ? account->url : std::string()};
}

report::CaaVerdict judge_one(const Context& context, const mx::CaaLookup& lookup, mx::CaaApplicant& applicant) {
  if (!lookup.unknown.empty()) return {report::CaaVerdict::Status::unknown, lookup.unknown, {}};
  if (!lookup.owner) return {report::CaaVerdict::Status::allowed, "no records: any CA may issue", {}};
  applicant.method = to_string(context.config.challenge.method_for(lookup.name).type);
  const std::string owner = dns::display_name(*lookup.owner);
  const auto objection = mx::find_objection(*lookup.owner, lookup.records, applicant);
  if (!objection) return {report::CaaVerdict::Status::allowed, fmt::format("the records of {} allow it", owner), {}};
  return {report::CaaVerdict::Status::forbidden, fmt::format("the records of {} {}", owner, objection->reason),
          objection->remedy};
}

}  // namespace

std::vector<report::CaaVerdict> judge_caa(Context& context, std::span<const dns::DnsName> names) {
  std::vector<report::CaaVerdict> verdicts;
  if (names.empty()) return verdicts;
  report::ProgressLine progress(context.shows_progress());
  dns::UnboundResolver resolver(context.clock, resolver_options(context, progress));
  mx::CaaApplicant applicant = applicant_without_asking(context);
  for (const mx::CaaLookup& lookup : mx::find_caa(resolver, names))
    verdicts.push_back(judge_one(context, lookup, applicant));
  return verdicts;
}

void report_caa(Context& context, const mx::Plan& plan) {
  if (is_internal(context.config.ca)) return;  // its certificates are for who is told to trust it
  Names names;
  for (const mx::PlannedCertificate& certificate : plan.certificates)
    if (certificate.action != mx::Action::none) std::ranges::copy(certificate.ascii_names(), std::back_inserter(names));
  if (!names.empty()) judge(context, names, [&] { return applicant_without_asking(context); });
}

Names find_caa_refusals(Context& context, CertificateAuthority& ca, const Names& names) {
  return judge(context, names, [&]() -> mx::CaaApplicant {
    const Deadline deadline = Deadline::after(context.clock, ca.config().timeout);
    acme::Client& client = ca.client(deadline);
    return {.issuers = client.directory(deadline).caa_identities, .account = client.account_url()};
  });
}

}  // namespace mxcert::app
