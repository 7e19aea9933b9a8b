#include "issue/fallback.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "acme/issuer.h"
#include "acme/problem.h"
#include "acme/transport.h"
#include "base/error.h"
#include "issue/backoff.h"
#include "issue/ca.h"
#include "issue/internal_ca.h"
#include "issue/run.h"

namespace mxcert::issue {
namespace {

constexpr int failures_before_outage_counts = 1;
constexpr int failures_before_refusal_counts = 2;
constexpr int too_many_requests = 429;
constexpr int service_unavailable = 503;

bool is_rate_limit(const acme::Problem& problem) {
  return problem.is("rateLimited") || problem.document().status == too_many_requests;
}

/// RFC 8555 §6.6: when the CA wants to be asked again, if it says so.
std::optional<SystemTime> find_rate_limit(const Error& error, SystemTime now) {
  const auto* problem = dynamic_cast<const acme::Problem*>(&error);
  if (problem == nullptr || !problem->retry_after()) return std::nullopt;
  if (!is_rate_limit(*problem) && problem->document().status != service_unavailable) return std::nullopt;
  return end_of_rate_limit(*problem->retry_after(), now);
}

void tell_of_next(Run& run, const std::string& certificate, const config::CaConfig& failed,
                  const config::CaConfig& next, const std::string& why, const std::string& hint) {
  run.report.add_warning(
      {.code = "ca_fallback",
       .subject = certificate,
       .message = fmt::format("{}: {} is asked instead of {}: {}", certificate, next.name, failed.name, why),
       .hint = hint});
}

/// Those that are not in their pause.
std::vector<CertificateAuthority*> find_askable(const Run& run, std::span<CertificateAuthority> cas,
                                                const CaPauses& pauses) {
  std::vector<CertificateAuthority*> askable;
  for (CertificateAuthority& ca : cas)
    if (!pause_of(ca.config(), pauses, run.clock.now())) askable.push_back(&ca);
  return askable;
}

}  // namespace

CaFailure classify(const Error& error) {
  if (const auto* transport = dynamic_cast<const acme::TransportError*>(&error))
    return transport->kind() == acme::TransportError::Kind::refused ? CaFailure::refusal : CaFailure::outage;
  const auto* problem = dynamic_cast<const acme::Problem*>(&error);
  if (error.code() == "issued_too_often") return CaFailure::busy;
  if (problem == nullptr) return error.code() == "bad_certificate" ? CaFailure::refusal : CaFailure::none;
  if (is_rate_limit(*problem)) return CaFailure::busy;
  return problem->document().status >= 500 ? CaFailure::outage : CaFailure::refusal;
}

bool may_fall_back(CaFailure failure, bool at_once, int failures) {
  switch (failure) {
    case CaFailure::none:
      return false;
    case CaFailure::refusal:
      return failures >= failures_before_refusal_counts;
    case CaFailure::busy:
    case CaFailure::outage:
      return at_once || failures >= failures_before_outage_counts;
  }
  return false;
}

std::optional<SystemTime> pause_of(const config::CaConfig& ca, const CaPauses& pauses, SystemTime now) {
  const auto found = pauses.find(ca.directory_url);
  return found != pauses.end() && now < found->second ? std::optional(found->second) : std::nullopt;
}

std::optional<SystemTime> pause_of_all(const config::CaConfig& first, const CaPauses& pauses, SystemTime now) {
  std::optional<SystemTime> earliest = pause_of(first, pauses, now);
  for (const config::CaConfig& ca : first.fallback) {
    const auto pause = pause_of(ca, pauses, now);
    if (!earliest || !pause) return std::nullopt;
    earliest = std::min(*earliest, *pause);
  }
  return earliest;
}

std::optional<store::VersionPart> order_somewhere(Run& run, std::span<CertificateAuthority> cas,
                                                  const OrderTask& task) {
  const std::string& certificate = task.planned.name;
  CaPauses& pauses = task.certificate.state.ca_pauses;
  const std::vector<CertificateAuthority*> askable = find_askable(run, cas, pauses);
  if (askable.empty())
    throw Error(fmt::format("{} wants to be left alone for now", cas.front().config().name),
                "mxcert renew tries again by itself", "rate_limited");
  if (askable.front() != &cas.front())
    tell_of_next(
        run, certificate, cas.front().config(), askable.front()->config(),
        fmt::format("it wants to be left alone until {}", format_time(pauses.at(cas.front().config().directory_url))),
        "");
  const store::Version* live = task.certificate.live.intact();
  const bool at_once = !run.policy.waits_after_failures || live == nullptr || is_placeholder(run.config.ca, *live);
  const auto& failure_before = task.certificate.state.failure;
  const int failures = failure_before ? failure_before->count : 0;
  for (std::size_t i = 0;; ++i) {
    CertificateAuthority& ca = *askable.at(i);
    const bool is_last = i + 1 == askable.size();
    if (!is_last && ca.is_down() && may_fall_back(CaFailure::outage, at_once, failures)) continue;
    try {
      return order_certificate(run, ca, task);
    } catch (const Error& error) {
      const CaFailure failure = classify(error);
      if (failure == CaFailure::outage) ca.set_down();
      if (const auto until = find_rate_limit(error, run.clock.now())) pauses[ca.config().directory_url] = *until;
      if (is_last || !may_fall_back(failure, at_once, failures)) throw;
      tell_of_next(run, certificate, ca.config(), askable[i + 1]->config(), error.message(), error.hint());
    }
  }
}

}  // namespace mxcert::issue
