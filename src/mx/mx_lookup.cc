#include "mx/mx_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/name_table.h"
#include "dns/answer.h"
#include "mx/lookup_warnings.h"
#include "mx/services.h"

namespace mxcert::mx {
namespace {

using dns::Answer;
using dns::AnswerStatus;
using dns::DnsName;
using dns::Question;
using dns::RecordType;

constexpr std::size_t usual_targets = 12;

/// Each domain once, in the order given.
std::vector<MxLookup> distinct_lookups(std::span<const MailDomain> domains) {
  std::vector<MxLookup> lookups;
  std::set<DnsName> seen;
  for (const MailDomain& domain : domains)
    if (seen.insert(domain.name).second) lookups.push_back({.domain = domain});
  return lookups;
}

void warn(MxLookup& lookup, std::string code, std::string message) {
  lookup.warnings.push_back({std::move(code), lookup.domain.name.ascii(), std::move(message)});
}

/// RFC 7505 §3: a single MX with the root as its host says that the domain takes no mail.
void apply_null_mx(MxLookup& lookup, bool has_null) {
  if (!has_null) return;
  if (lookup.targets.empty()) {
    lookup.status = MxStatus::null_mx;
    lookup.reason = "has a null MX: it takes no mail";
    return;
  }
  warn(lookup, "null_mx_with_others",
       fmt::format("{} has a null MX (\".\") beside other MX records, so that some senders give up at once: remove "
                   "one or the other",
                   dns::display_name(lookup.domain.name)));
}

/// Records are sorted by preference: the first of a host's counts.
void take_records(MxLookup& lookup, const Answer& answer) {
  lookup.status = MxStatus::ok;
  bool has_null = false;
  for (const dns::MxRecord& record : answer.mx) {
    if (record.exchange.is_root()) {
      has_null = true;
    } else if (std::ranges::find(lookup.targets, record.exchange, &MxTarget::host) != lookup.targets.end()) {
      warn(lookup, "mx_duplicate",
           fmt::format("{} names {} in more than one MX record", dns::display_name(lookup.domain.name),
                       dns::display_name(record.exchange)));
    } else if (lookup.targets.size() == max_targets) {
      warn(lookup, "mx_too_many",
           fmt::format("{} has more than {} MX hosts: the others are left out", dns::display_name(lookup.domain.name),
                       max_targets));
      break;
    } else {
      lookup.targets.push_back({.host = record.exchange, .preference = record.preference});
    }
  }
  const std::size_t count = lookup.targets.size();
  if (count > usual_targets && count < max_targets)
    warn(lookup, "mx_many",
         fmt::format("{} has {} MX hosts: senders try a few of them only", dns::display_name(lookup.domain.name),
                     count));
  apply_null_mx(lookup, has_null);
}

/// What the MX answer alone says. For want of MX records the domain is its own target for now: whether it has an
/// address, settle_implicit decides.
void take_mx_answer(MxLookup& lookup, const Answer& answer) {
  lookup.security = answer.security;
  lookup.canonical = answer.canonical;
  switch (answer.status) {
    case AnswerStatus::ok:
      return take_records(lookup, answer);
    case AnswerStatus::nodata:
      lookup.status = MxStatus::ok;
      lookup.targets.push_back({.host = lookup.domain.name, .implicit = true});
      return;
    case AnswerStatus::nxdomain:
      lookup.status = MxStatus::nxdomain;
      lookup.reason = "does not exist in the DNS";
      return;
    case AnswerStatus::temporary:
      lookup.status = MxStatus::temporary;
      lookup.reason = why_unknown(answer, RecordType::mx);
      return;
    case AnswerStatus::bogus:
      lookup.status = MxStatus::bogus;
      lookup.reason = why_unknown(answer, RecordType::mx);
      return;
  }
}

/// RFC 5321 §5.1: no MX but an address means the domain is its own target; without an address it takes no mail.
void settle_implicit(MxLookup& lookup) {
  if (lookup.targets.size() != 1 || !lookup.targets.front().implicit) return;
  const HostLookup& host = lookup.targets.front().lookup;
  if (!host.addresses.empty()) return;
  switch (host.status) {
    case AnswerStatus::ok:
      return;
    case AnswerStatus::nodata:
    case AnswerStatus::nxdomain:
      lookup.status = MxStatus::no_mail;
      lookup.reason = "has neither MX records nor an address";
      break;
    case AnswerStatus::temporary:
      lookup.status = MxStatus::temporary;
      lookup.reason = "has no MX records, and " + host.reason;
      break;
    case AnswerStatus::bogus:
      lookup.status = MxStatus::bogus;
      lookup.security = dns::Security::bogus;
      lookup.reason = "has no MX records, and " + host.reason;
      break;
  }
  lookup.targets.clear();
}

void find_mx_records(dns::Resolver& resolver, std::vector<MxLookup>& lookups) {
  std::vector<Question> questions;
  questions.reserve(lookups.size());
  for (const MxLookup& lookup : lookups)
    questions.push_back({lookup.domain.name, RecordType::mx});
  const std::vector<Answer> answers = resolver.resolve(questions);
  for (std::size_t i = 0; i < lookups.size(); ++i)
    take_mx_answer(lookups[i], answers.at(i));
}

template <typename Use>
void for_each_target(std::vector<MxLookup>& lookups, Use use) {
  for (MxLookup& lookup : lookups) {
    std::ranges::for_each(lookup.targets, use);
    for (ServiceLookup& service : lookup.services)
      std::ranges::for_each(service.targets, use);
  }
}

void find_hosts(dns::Resolver& resolver, std::vector<MxLookup>& lookups) {
  HostLookups hosts;
  for_each_target(lookups, [&](const MxTarget& target) { hosts.try_emplace(target.host); });
  find_addresses(resolver, hosts);
  for_each_target(lookups, [&](MxTarget& target) { target.lookup = hosts.at(target.host); });
}

constexpr auto status_names = name_table<MxStatus>({
    {MxStatus::ok, "ok"},
    {MxStatus::null_mx, "null_mx"},
    {MxStatus::no_mail, "no_mail"},
    {MxStatus::nxdomain, "nxdomain"},
    {MxStatus::temporary, "temporary"},
    {MxStatus::bogus, "bogus"},
});

}  // namespace

std::vector<MxLookup> find_mx_targets(dns::Resolver& resolver, std::span<const MailDomain> domains,
                                      const LookupOptions& options) {
  std::vector<MxLookup> lookups = distinct_lookups(domains);
  find_mx_records(resolver, lookups);
  if (options.services) find_services(resolver, lookups);
  find_hosts(resolver, lookups);
  for (MxLookup& lookup : lookups) {
    settle_implicit(lookup);
    warn_of_targets(lookup);
  }
  return lookups;
}

std::string_view to_string(MxStatus status) {
  return name_of(status_names, status);
}

}  // namespace mxcert::mx
