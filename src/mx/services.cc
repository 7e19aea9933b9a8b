#include "mx/services.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace mxcert::mx {
namespace {

using dns::Answer;
using dns::AnswerStatus;
using dns::Question;
using dns::RecordType;

bool has_target(const ServiceLookup& service, const dns::DnsName& host) {
  return std::ranges::find(service.targets, host, &MxTarget::host) != service.targets.end();
}

/// Records are sorted by priority: the first of a host's counts.
void take_records(ServiceLookup& service, const Answer& answer) {
  for (const dns::SrvRecord& record : answer.srv) {
    if (record.target.is_root() || has_target(service, record.target)) continue;
    if (service.targets.size() == max_targets) break;
    service.targets.push_back({.host = record.target, .preference = record.priority});
  }
  if (service.targets.empty()) service.reason = "is not offered";
}

void take_answer(MxLookup& lookup, std::string_view name, const Answer& answer) {
  if (answer.status == AnswerStatus::nodata || answer.status == AnswerStatus::nxdomain) return;
  ServiceLookup service{.service = name, .status = answer.status, .security = answer.security};
  if (service.is_unknown()) {
    service.reason = why_unknown(answer, RecordType::srv);
  } else {
    take_records(service, answer);
  }
  lookup.services.push_back(std::move(service));
}

/// What is below a name that does not exist does not exist either (RFC 8020), and what is unknown is bad enough once.
bool may_have_services(const MxLookup& lookup) {
  return lookup.status != MxStatus::nxdomain && !lookup.is_unknown();
}

void find_service(dns::Resolver& resolver, std::span<MxLookup> lookups, std::string_view service) {
  std::vector<Question> questions;
  std::vector<MxLookup*> asked;
  for (MxLookup& lookup : lookups) {
    if (!may_have_services(lookup)) continue;
    auto name = dns::DnsName::parse_host(fmt::format("{}.{}", service, lookup.domain.name.ascii()));
    if (!name) continue;  // longer than any name
    questions.push_back({*std::move(name), RecordType::srv});
    asked.push_back(&lookup);
  }
  const std::vector<Answer> answers = resolver.resolve(questions);
  for (std::size_t i = 0; i < asked.size(); ++i)
    take_answer(*asked[i], service, answers.at(i));
}

}  // namespace

void find_services(dns::Resolver& resolver, std::span<MxLookup> lookups) {
  for (const std::string_view service : mail_services)
    find_service(resolver, lookups, service);
}

}  // namespace mxcert::mx
