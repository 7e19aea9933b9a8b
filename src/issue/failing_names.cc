#include "issue/failing_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "acme/problem.h"
#include "issue/backoff.h"
#include "issue/persistent_record.h"
#include "issue/run.h"

namespace mxcert::issue {
namespace {

bool contains(std::span<const std::string> names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

mx::Warning describe(const std::string& name, const store::Failure& failure, bool postponed) {
  const std::string what = fmt::format("it was refused at {}: {}", format_time(failure.at), failure.message);
  if (postponed)
    return {"name_postponed", name,
            fmt::format("{} is not ordered again before {}: {}", name, format_time(next_attempt(failure, name)), what)};
  return {"name_failing", name, fmt::format("{} may fail again: {}", name, what)};
}

/// Whether the CA looked for what shows control and did not like what it found (RFC 8555 §6.7).
bool is_about_validation(const acme::ProblemDocument& problem) {
  return problem.is("unauthorized") || problem.is("dns") || problem.is("malformed") || problem.is("incorrectResponse");
}

}  // namespace

std::string hint_for(const Run& run, const acme::IssueFailure::Culprit& culprit) {
  if (is_about_validation(culprit.problem))
    if (const auto record = find_persistent_record(run.config, run.store.accounts, culprit.name))
      return "publish " + to_string(*record);
  return acme::hint_for_validation(culprit.problem);
}

void remember_refused(store::CertificateState& state, const Finding& refusal, SystemTime now) {
  store::Failure& failure = state.failing_names[refusal.subject];
  failure = {.count = failure.count + 1, .at = now, .message = refusal.message, .hint = refusal.hint};
}

bool is_refusal(const Finding& error) {
  return error.code == "name_refused" || error.code == "caa_forbids";
}

void note_refused(Run& run, store::Certificate& certificate, std::span<const acme::IssueFailure::Culprit> culprits) {
  for (const acme::IssueFailure::Culprit& culprit : culprits) {
    Finding refusal{.code = "name_refused",
                    .subject = culprit.name,
                    .message = fmt::format("{}: {}", culprit.name, acme::describe(culprit.problem)),
                    .hint = hint_for(run, culprit)};
    remember_refused(certificate.state, refusal, run.clock.now());
    run.report.add_error(std::move(refusal));
  }
  run.store.certificates.save(certificate);
}

void forget_failures(store::CertificateState& state, std::span<const std::string> issued,
                     std::span<const std::string> wanted) {
  std::erase_if(state.failing_names, [&](const auto& failing) {
    return contains(issued, failing.first) || !contains(wanted, failing.first);
  });
}

std::set<dns::DnsName> postponed_names(const store::Inventory& inventory, SystemTime now) {
  std::set<dns::DnsName> postponed;
  for (const auto& [certificate, kept] : inventory)
    for (const auto& [name, failure] : kept.state.failing_names)
      if (now < next_attempt(failure, name))
        if (const auto parsed = dns::DnsName::parse_host(name)) postponed.insert(*parsed);
  return postponed;
}

void warn_of_failing_names(const store::Inventory& inventory, mx::Plan& plan) {
  for (const mx::PlannedCertificate& planned : plan.certificates) {
    const auto kept = inventory.find(planned.name);
    if (kept == inventory.end()) continue;
    for (const auto& [name, failure] : kept->second.state.failing_names) {
      const bool postponed =
          std::ranges::find(planned.postponed, name, &dns::DnsName::ascii) != planned.postponed.end();
      if (postponed || contains(planned.ascii_names(), name))
        plan.warnings.push_back(describe(name, failure, postponed));
    }
  }
}

}  // namespace mxcert::issue
