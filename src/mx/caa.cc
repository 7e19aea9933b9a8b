#include "mx/caa.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace mxcert::mx {
namespace {

using dns::Answer;
using dns::DnsName;
using dns::Question;
using dns::RecordType;

using Answers = std::map<DnsName, Answer>;

/// The name and what is above it, without the root.
std::vector<DnsName> climb(const DnsName& name) {
  std::vector<DnsName> steps{name};
  const std::string& text = name.ascii();
  for (auto dot = text.find('.'); dot != std::string::npos; dot = text.find('.', dot + 1))
    if (const auto above = DnsName::parse_host(text.substr(dot + 1))) steps.push_back(*above);
  return steps;
}

Answers ask(dns::Resolver& resolver, std::span<const DnsName> names) {
  std::set<DnsName> distinct;
  for (const DnsName& name : names)
    for (DnsName& step : climb(name))
      distinct.insert(std::move(step));
  std::vector<Question> questions;
  questions.reserve(distinct.size());
  for (const DnsName& name : distinct)
    questions.push_back({name, RecordType::caa});
  std::vector<Answer> answers = resolver.resolve(questions);
  Answers by_name;
  for (std::size_t i = 0; i < questions.size(); ++i)
    by_name.emplace(questions[i].name, std::move(answers[i]));
  return by_name;
}

CaaLookup look_up(const DnsName& name, const Answers& answers) {
  CaaLookup lookup{.name = name};
  for (const DnsName& step : climb(name)) {
    const Answer& answer = answers.at(step);
    if (answer.is_unknown()) {
      lookup.unknown =
          fmt::format("the CAA records of {} {}: {}", step.ascii(),
                      answer.status == dns::AnswerStatus::bogus ? "fail DNSSEC validation" : "could not be looked up",
                      answer.reason);
      return lookup;
    }
    if (answer.caa.empty()) continue;
    lookup.owner = answer.canonical.value_or(step);
    lookup.records = answer.caa;
    return lookup;
  }
  return lookup;
}

}  // namespace

std::vector<CaaLookup> find_caa(dns::Resolver& resolver, std::span<const DnsName> names) {
  const Answers answers = ask(resolver, names);
  std::vector<CaaLookup> lookups;
  lookups.reserve(names.size());
  for (const DnsName& name : names)
    lookups.push_back(look_up(name, answers));
  return lookups;
}

}  // namespace mxcert::mx
