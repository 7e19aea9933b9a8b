#include "mx/host_lookup.h"

#include <fmt/format.h>

#include <algorithm>

namespace mxcert::mx {
namespace {

using dns::Answer;
using dns::AnswerStatus;
using dns::Question;
using dns::RecordType;

int badness(AnswerStatus status) {
  switch (status) {
    case AnswerStatus::ok:
      return 2;
    case AnswerStatus::nodata:
      return 1;
    case AnswerStatus::nxdomain:
      return 0;
    case AnswerStatus::temporary:
      return 3;
    case AnswerStatus::bogus:
      return 4;
  }
  return 3;
}

std::string host_reason(const Answer& answer, RecordType type) {
  switch (answer.status) {
    case AnswerStatus::ok:
      return {};
    case AnswerStatus::nodata:
      return "has no address";
    case AnswerStatus::nxdomain:
      return "does not exist in the DNS";
    case AnswerStatus::temporary:
    case AnswerStatus::bogus:
      return why_unknown(answer, type);
  }
  return {};
}

/// Both families together: what is unknown of one is unknown of the host.
HostLookup join_answers(const Answer& v4, const Answer& v6) {
  const bool v6_decides = badness(v6.status) > badness(v4.status);
  const Answer& decisive = v6_decides ? v6 : v4;
  HostLookup lookup;
  lookup.status = decisive.status;
  lookup.security = std::max(v4.security, v6.security);
  lookup.addresses = v4.addresses;
  lookup.addresses.insert(lookup.addresses.end(), v6.addresses.begin(), v6.addresses.end());
  std::ranges::sort(lookup.addresses);
  lookup.canonical = v4.canonical ? v4.canonical : v6.canonical;
  lookup.reason = host_reason(decisive, v6_decides ? RecordType::aaaa : RecordType::a);
  return lookup;
}

}  // namespace

void find_addresses(dns::Resolver& resolver, HostLookups& hosts) {
  std::vector<Question> questions;  // two for each host
  for (auto& [host, lookup] : hosts) {
    if (std::string why_not = host.why_not_a_host(); !why_not.empty()) {
      lookup = {.status = AnswerStatus::nodata, .reason = std::move(why_not)};
      continue;
    }
    questions.push_back({host, RecordType::a});
    questions.push_back({host, RecordType::aaaa});
  }
  const std::vector<Answer> answers = resolver.resolve(questions);
  for (std::size_t i = 0; i + 1 < answers.size(); i += 2)
    hosts[questions[i].name] = join_answers(answers[i], answers[i + 1]);
}

std::string why_unknown(const Answer& answer, RecordType type) {
  return fmt::format("{} ({}: {})",
                     answer.status == AnswerStatus::bogus ? "fails DNSSEC validation" : "could not be looked up",
                     to_string(type), answer.reason);
}

}  // namespace mxcert::mx
