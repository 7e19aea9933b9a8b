#include "issue/issuance_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace mxcert::issue {
namespace {

constexpr std::chrono::days week{7};
constexpr std::size_t most_with_same_names = 5;
constexpr std::chrono::days day{1};
constexpr std::size_t most_replacements = 3;
constexpr std::size_t many_for_a_domain = 40;

/// When the `limit`th newest of those that count is `period` old. Oldest first.
template <typename Predicate>
std::optional<SystemTime> next_after(std::span<const store::Issuance> issuances, std::size_t limit,
                                     std::chrono::days period, SystemTime now, Predicate counts) {
  std::vector<SystemTime> times;
  for (const store::Issuance& issuance : issuances)
    if (issuance.at <= now && now < issuance.at + period && counts(issuance)) times.push_back(issuance.at);
  if (times.size() < limit) return std::nullopt;
  return times[times.size() - limit] + period;
}

std::string last_two_labels(const std::string& name) {
  const auto last = name.rfind('.');
  const auto before = last == std::string::npos || last == 0 ? last : name.rfind('.', last - 1);
  return before == std::string::npos ? name : name.substr(before + 1);
}

std::set<std::string> domains_of(const std::vector<std::string>& names) {
  std::set<std::string> domains;
  for (const std::string& name : names)
    domains.insert(last_two_labels(name));
  return domains;
}

}  // namespace

bool same_names(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  return std::set(some.begin(), some.end()) == std::set(others.begin(), others.end());
}

std::optional<SystemTime> next_with_same_names(std::span<const store::Issuance> issuances, const std::string& directory,
                                               const std::vector<std::string>& names, SystemTime now) {
  return next_after(issuances, most_with_same_names, week, now, [&](const store::Issuance& issuance) {
    return issuance.directory == directory && now < issuance.not_after && same_names(issuance.names, names);
  });
}

std::optional<SystemTime> next_replacement(std::span<const store::Issuance> issuances, const std::string& certificate,
                                           SystemTime now) {
  return next_after(issuances, most_replacements, day, now, [&](const store::Issuance& issuance) {
    return issuance.is_replacement && issuance.certificate == certificate;
  });
}

std::map<std::string, std::size_t> count_by_domain(std::span<const store::Issuance> issuances,
                                                   const std::vector<std::string>& names) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& domain : domains_of(names))
    counts[domain] = 0;
  for (const store::Issuance& issuance : issuances)
    for (const std::string& domain : domains_of(issuance.names))
      if (const auto counted = counts.find(domain); counted != counts.end()) ++counted->second;
  return counts;
}

void require_not_issued_too_often(std::span<const store::Issuance> issuances, const std::string& directory,
                                  const std::vector<std::string>& names, SystemTime now) {
  const auto next = next_with_same_names(issuances, directory, names, now);
  if (!next) return;
  throw Error(
      fmt::format("nothing is ordered before {}: {} certificates with the same {} were issued within seven days, "
                  "and are still valid",
                  format_time(*next), most_with_same_names, count_of(names.size(), "name")),
      "mxcert deploy installs the one that is stored; for tests take the CA's staging and a state directory of "
      "their own",
      "issued_too_often");
}

std::vector<Finding> warn_of_many_issued(std::span<const store::Issuance> issuances, const std::string& certificate,
                                         const std::vector<std::string>& names) {
  std::vector<Finding> warnings;
  for (const auto& [domain, count] : count_by_domain(issuances, names))
    if (count >= many_for_a_domain)
      warnings.push_back(
          {.code = "many_issued",
           .subject = domain,
           .message = fmt::format("{}: {} certificates with names below {} were issued within seven days", certificate,
                                  count, domain),
           .hint = "CAs have limits (Let's Encrypt: 50); fewer certificates with more names each stay below them"});
  return warnings;
}

}  // namespace mxcert::issue
