#include "mx/mx_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "dns/answer.h"

namespace mxcert::mx {
namespace {

using dns::Answer;
using dns::AnswerStatus;
using dns::DnsName;
using dns::Question;
using dns::RecordType;

constexpr std::size_t max_targets = 50;  // of one domain; whoever publishes more wants something else than mail

constexpr std::size_t usual_targets = 12;

using HostLookups = std::map<DnsName, HostLookup>;

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
      lookup.reason = fmt::format("could not be looked up (MX: {})", answer.reason);
      return;
    case AnswerStatus::bogus:
      lookup.status = MxStatus::bogus;
      lookup.reason = fmt::format("fails DNSSEC validation (MX: {})", answer.reason);
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

std::string host_reason(AnswerStatus status, RecordType type, const std::string& detail) {
  switch (status) {
    case AnswerStatus::ok:
      return {};
    case AnswerStatus::nodata:
      return "has no address";
    case AnswerStatus::nxdomain:
      return "does not exist in the DNS";
    case AnswerStatus::temporary:
      return fmt::format("could not be looked up ({}: {})", to_string(type), detail);
    case AnswerStatus::bogus:
      return fmt::format("fails DNSSEC validation ({}: {})", to_string(type), detail);
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
  lookup.reason = host_reason(decisive.status, v6_decides ? RecordType::aaaa : RecordType::a, decisive.reason);
  return lookup;
}

/// A host that cannot be one is not asked for.
HostLookup refused_host(const std::string& why) {
  return {.status = AnswerStatus::nodata, .reason = why};
}

HostLookups find_addresses(dns::Resolver& resolver, const std::vector<MxLookup>& lookups) {
  HostLookups hosts;
  std::vector<Question> questions;  // two for each host
  for (const MxLookup& lookup : lookups) {
    for (const MxTarget& target : lookup.targets) {
      const std::string why_not = target.host.why_not_a_host();
      if (!hosts.emplace(target.host, refused_host(why_not)).second || !why_not.empty()) continue;
      questions.push_back({target.host, RecordType::a});
      questions.push_back({target.host, RecordType::aaaa});
    }
  }
  const std::vector<Answer> answers = resolver.resolve(questions);
  for (std::size_t i = 0; i + 1 < answers.size(); i += 2)
    hosts[questions[i].name] = join_answers(answers[i], answers[i + 1]);
  return hosts;
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

/// About a host, in the same words for every domain that leads to it: the plan says them once.
void warn_of_host(MxLookup& lookup, std::string code, const DnsName& host, std::string_view what) {
  lookup.warnings.push_back({std::move(code), host.ascii(), fmt::format("{} {}", dns::display_name(host), what)});
}

/// RFC 6761 §6.3, and what some systems call themselves.
bool is_localhost(const DnsName& host) {
  const std::string& name = host.ascii();
  return name == "localhost" || name.ends_with(".localhost") || name == "localhost.localdomain";
}

void warn_of_host_name(MxLookup& lookup, const MxTarget& target) {
  if (is_localhost(target.host))
    return warn_of_host(lookup, "mx_is_localhost", target.host,
                        "is in an MX record, but every host calls itself so: senders cannot use it");
  const std::string why_not = target.host.why_not_a_host();
  if (why_not.empty()) return;
  const bool is_address = dns::IpAddress::find(target.host.ascii()).has_value();
  warn_of_host(lookup, is_address ? "mx_is_address" : "mx_bad_host", target.host,
               fmt::format("is in an MX record, but {}: most senders cannot use it", why_not));
}

/// RFC 2181 §10.3; senders differ in which of the two names they compare with the certificate.
void warn_of_alias(MxLookup& lookup, const MxTarget& target) {
  if (!target.lookup.canonical || target.implicit) return;
  const std::string& canonical = target.lookup.canonical->ascii();
  warn_of_host(lookup, "mx_is_cname", target.host,
               fmt::format("is in an MX record, but is an alias (CNAME) of {0}: some senders expect {0} in the "
                           "certificate; name {0} in the MX record, or give {1} addresses of its own",
                           canonical, target.host.ascii()));
}

/// RFC 5321 §5.1: such an MX record is an error, not a reason to look elsewhere.
void warn_of_no_address(MxLookup& lookup, const MxTarget& target) {
  const HostLookup& host = target.lookup;
  if (host.is_unknown() || !host.addresses.empty() || !target.host.why_not_a_host().empty()) return;
  warn_of_host(lookup, "mx_without_address", target.host, fmt::format("is in an MX record, but {}", host.reason));
}

void warn_of_addresses(MxLookup& lookup, const MxTarget& target) {
  for (const dns::IpAddress& address : target.lookup.addresses) {
    const bool local_only = address.is_loopback() || address.is_link_local() || address.is_unspecified();
    if (!local_only && !address.is_private()) continue;
    warn_of_host(lookup, local_only ? "loopback_address" : "private_address", target.host,
                 fmt::format("has the address {}, which is {}: senders elsewhere cannot reach it", address.to_string(),
                             local_only ? "of use on one machine or link only" : "one of a private network"));
  }
}

void warn_of_targets(MxLookup& lookup) {
  if (lookup.canonical && !lookup.is_unknown())
    warn(lookup, "domain_is_cname",
         fmt::format("{} is an alias (CNAME) of {}: its mail goes where that domain's does",
                     dns::display_name(lookup.domain.name), dns::display_name(*lookup.canonical)));
  for (const MxTarget& target : lookup.targets) {
    warn_of_host_name(lookup, target);
    warn_of_alias(lookup, target);
    warn_of_no_address(lookup, target);
    warn_of_addresses(lookup, target);
  }
}

}  // namespace

std::vector<MxLookup> find_mx_targets(dns::Resolver& resolver, std::span<const MailDomain> domains) {
  std::vector<MxLookup> lookups = distinct_lookups(domains);
  find_mx_records(resolver, lookups);
  const HostLookups hosts = find_addresses(resolver, lookups);
  for (MxLookup& lookup : lookups) {
    for (MxTarget& target : lookup.targets)
      target.lookup = hosts.at(target.host);
    settle_implicit(lookup);
    warn_of_targets(lookup);
  }
  return lookups;
}

std::string_view to_string(MxStatus status) {
  switch (status) {
    case MxStatus::ok:
      return "ok";
    case MxStatus::null_mx:
      return "null_mx";
    case MxStatus::no_mail:
      return "no_mail";
    case MxStatus::nxdomain:
      return "nxdomain";
    case MxStatus::temporary:
      return "temporary";
    case MxStatus::bogus:
      return "bogus";
  }
  return "?";
}

}  // namespace mxcert::mx
