#include "app/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/context.h"
#include "base/error.h"
#include "base/text.h"
#include "issue/backoff.h"
#include "issue/caa_preflight.h"
#include "report/evidence.h"

namespace mxcert::app {
namespace {

dns::DnsName parse_argument(const std::string& text) {
  try {
    return dns::DnsName::parse(text);
  } catch (const Error& e) {
    throw ConfigError("--explain: " + e.message(), e.hint());
  }
}

void add_served(const store::Inventory& inventory, report::HostEvidence& host) {
  for (const auto& [name, certificate] : inventory)
    if (const store::Version* live = certificate.live.intact();
        live != nullptr && std::ranges::find(live->leaf.names, host.host.ascii()) != live->leaf.names.end())
      host.served.push_back({name, live->number, live->leaf.not_after});
}

report::NameFailure to_evidence(const store::Failure& failure, const std::string& subject) {
  return {failure.message, failure.hint, failure.at, issue::next_attempt(failure, subject)};
}

void add_failures(const store::Inventory& inventory, report::HostEvidence& host) {
  if (host.certificate == nullptr) return;
  const auto kept = inventory.find(host.certificate->name);
  if (kept == inventory.end()) return;
  const store::CertificateState& state = kept->second.state;
  if (const auto found = state.failing_names.find(host.host.ascii()); found != state.failing_names.end())
    host.failure = to_evidence(found->second, found->first);
  if (state.failure) host.certificate_failure = to_evidence(*state.failure, host.certificate->name);
}

/// What could never be ordered is not asked for.
bool may_be_ordered(const report::HostEvidence& host) {
  const mx::PlannedTarget* target = host.target();
  const bool elsewhere =
      target != nullptr && (target->owner == mx::Owner::foreign || target->owner == mx::Owner::unresolvable);
  return host.certificate != nullptr || (!elsewhere && host.host.why_not_a_host().empty());
}

void add_caa(Context& context, report::Evidence& evidence) {
  std::vector<report::HostEvidence*> asked;
  std::vector<dns::DnsName> names;
  for (report::HostEvidence& host : evidence.hosts) {
    if (!may_be_ordered(host)) continue;
    asked.push_back(&host);
    names.push_back(host.host);
  }
  const std::vector<report::CaaVerdict> verdicts = issue::judge_caa(context.run, names);
  for (std::size_t i = 0; i < asked.size(); ++i)
    asked[i]->caa = verdicts.at(i);
}

std::vector<std::string> known_names(const mx::Plan& plan) {
  std::vector<std::string> names;
  for (const mx::PlannedDomain& domain : plan.domains) {
    names.push_back(domain.domain.ascii());
    for (const mx::PlannedTarget& target : domain.targets)
      names.push_back(target.host.ascii());
  }
  return names;
}

[[noreturn]] void fail_unknown(const mx::Plan& plan, const dns::DnsName& name) {
  const auto near = closest_match(name.ascii(), known_names(plan));
  const auto lost = std::ranges::find_if(plan.domains, [](const mx::PlannedDomain& domain) {
    return domain.status == mx::MxStatus::temporary || domain.status == mx::MxStatus::bogus;
  });
  std::string hint =
      near ? fmt::format("did you mean {}?", *near)
           : "a mail domain has to be in [domains], and a name that no MX record has in certificate.extra_names";
  if (lost != plan.domains.end())
    hint += fmt::format("\n{} could not be looked up, and may lead to it", dns::display_name(lost->domain));
  throw ConfigError(fmt::format("{} is no mail domain of this host, nor a host of one", dns::display_name(name)), hint);
}

}  // namespace

void explain(Context& context, const mx::Plan& plan) {
  const dns::DnsName name = parse_argument(context.invocation.explain);
  report::Evidence evidence = report::find_evidence(plan, context.config.extra_names, name);
  if (evidence.domain == nullptr && evidence.hosts.empty()) fail_unknown(plan, name);
  for (report::HostEvidence& host : evidence.hosts) {
    add_served(context.inventory, host);
    add_failures(context.inventory, host);
  }
  add_caa(context, evidence);
  report::write_result(context.invocation.json ? report::evidence_to_json(evidence)
                                               : report::evidence_to_text(evidence, {.width = context.terminal.width,
                                                                                     .color = context.terminal.color}));
}

}  // namespace mxcert::app
