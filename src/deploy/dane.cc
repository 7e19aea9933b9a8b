#include "deploy/dane.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/name_table.h"
#include "pki/key.h"

namespace mxcert::deploy {
namespace {

using dns::AnswerStatus;
using dns::Security;
using dns::TlsaRecord;

constexpr std::uint8_t trust_anchor = 2;  // DANE-TA, RFC 7218 §2
constexpr std::uint8_t end_entity = 3;    // DANE-EE
constexpr std::uint8_t whole_certificate = 0;
constexpr std::uint8_t public_key = 1;
constexpr std::uint8_t unhashed = 0;
constexpr std::uint8_t hashed_256 = 1;
constexpr std::uint8_t hashed_512 = 2;

/// RFC 6698 §3. `base` must have room for it.
dns::DnsName owner_of(std::uint16_t port, const dns::DnsName& base) {
  return *dns::DnsName::parse_host(fmt::format("_{}._tcp.{}", port, base.ascii()));
}

/// A host that a record can be published for.
std::optional<dns::DnsName> parse_base(std::string_view name) {
  constexpr std::size_t longest_name = 253;
  constexpr std::size_t longest_prefix = std::string_view("_65535._tcp.").size();
  const auto host = dns::DnsName::parse_host(name);
  const bool fits = host && host->why_not_a_host().empty() && host->ascii().size() + longest_prefix <= longest_name;
  return fits ? host : std::nullopt;
}

using Answers = std::map<dns::Question, dns::Answer>;

/// Fills in the answers, all at once.
void resolve(dns::Resolver& resolver, Answers& answers) {
  if (answers.empty()) return;
  std::vector<dns::Question> questions;
  for (const auto& [question, unanswered] : answers)
    questions.push_back(question);
  std::vector<dns::Answer> found = resolver.resolve(questions);
  for (std::size_t i = 0; i < questions.size(); ++i)
    answers[questions[i]] = std::move(found[i]);
}

void ask_for_records(Answers& answers, const dns::DnsName& base, std::span<const std::uint16_t> ports) {
  for (const std::uint16_t port : ports)
    answers[{owner_of(port, base), dns::RecordType::tlsa}];
}

/// What the host is an alias of, when that is as secure as records there would have to be.
std::optional<dns::DnsName> secure_canonical(const dns::Answer& address) {
  if (address.security != Security::secure || !address.canonical) return std::nullopt;
  return parse_base(address.canonical->ascii());
}

/// Of the answers to all questions the one that decides for one port of a host.
TlsaLookup choose(const Answers& answers, const dns::DnsName& host, std::uint16_t port) {
  const dns::Answer& address = answers.at({host, dns::RecordType::a});
  TlsaLookup lookup{.name = host.ascii(), .port = port, .base = host};
  if (address.is_unknown()) {
    lookup.answer = {.status = address.status, .security = address.security, .reason = address.reason};
    return lookup;
  }
  lookup.answer = answers.at({owner_of(port, host), dns::RecordType::tlsa});
  const auto canonical = secure_canonical(address);
  if (!canonical) return lookup;
  const dns::Answer& there = answers.at({owner_of(port, *canonical), dns::RecordType::tlsa});
  const bool decides = there.is_unknown() || (there.status == AnswerStatus::ok && there.security == Security::secure);
  if (decides) {
    lookup.base = *canonical;
    lookup.answer = there;
  }
  return lookup;
}

std::string content_of(const pki::Certificate& certificate, const TlsaRecord& record) {
  const std::string& selected = record.selector == whole_certificate ? certificate.der : certificate.public_key_der;
  switch (record.matching_type) {
    case hashed_256:
      return pki::sha256(selected);
    case hashed_512:
      return pki::sha512(selected);
    default:
      return selected;
  }
}

/// The key in a record that holds all of a certificate or key; empty when it holds neither.
std::string key_in(const TlsaRecord& record) {
  if (record.selector == public_key) return record.data;
  try {
    return pki::parse_certificate_der(record.data).public_key_der;
  } catch (const Error&) {
    return {};
  }
}

bool matches_above(const TlsaRecord& record, std::span<const pki::Certificate> chain) {
  const auto is_it = [&](const pki::Certificate& one) { return content_of(one, record) == record.data; };
  if (std::ranges::any_of(chain.subspan(1), is_it)) return true;
  if (record.matching_type != unhashed) return false;
  const std::string key = key_in(record);
  return std::ranges::any_of(chain, [&](const pki::Certificate& one) { return pki::is_signed_by(one, key); });
}

/// RFC 7671 §9: of the hashes of the same thing only the strongest kind counts.
bool is_superseded(const TlsaRecord& record, std::span<const TlsaRecord> usable) {
  return record.matching_type == hashed_256 && std::ranges::any_of(usable, [&](const TlsaRecord& other) {
           return other.usage == record.usage && other.selector == record.selector && other.matching_type == hashed_512;
         });
}

std::vector<TlsaRecord> usable_among(std::span<const TlsaRecord> records) {
  std::vector<TlsaRecord> usable;
  std::ranges::copy_if(records, std::back_inserter(usable), is_usable);
  return usable;
}

std::vector<TlsaRecord> records_that_count(std::span<const TlsaRecord> records) {
  const std::vector<TlsaRecord> usable = usable_among(records);
  std::vector<TlsaRecord> counting;
  std::ranges::copy_if(usable, std::back_inserter(counting),
                       [&](const TlsaRecord& record) { return !is_superseded(record, usable); });
  return counting;
}

bool outlives_renewal(const TlsaRecord& record) {
  return record.usage == end_entity && record.selector == public_key;
}

void judge_records(DaneJudgement& judgement, std::span<const Chain> chains) {
  const std::vector<TlsaRecord> records = records_that_count(judgement.lookup.answer.tlsa);
  judgement.status = records.empty() ? DaneStatus::unusable : DaneStatus::matches;
  if (records.empty()) return;
  for (std::size_t i = 0; i < chains.size(); ++i) {
    const auto fits = [&](const TlsaRecord& record) { return matches(record, chains[i], judgement.lookup.base); };
    const bool lasting = std::ranges::any_of(
        records, [&](const TlsaRecord& record) { return outlives_renewal(record) && fits(record); });
    if (lasting) continue;
    if (std::ranges::any_of(records, fits)) {
      judgement.fragile = true;
    } else {
      judgement.unmatched.push_back(i);
      judgement.status = DaneStatus::mismatch;
    }
  }
}

constexpr auto status_names = name_table<DaneStatus>({
    {DaneStatus::none, "none"},
    {DaneStatus::insecure, "insecure"},
    {DaneStatus::unusable, "unusable"},
    {DaneStatus::matches, "matches"},
    {DaneStatus::mismatch, "mismatch"},
    {DaneStatus::unknown, "unknown"},
});

}  // namespace

dns::DnsName TlsaLookup::owner() const {
  return answer.canonical ? *answer.canonical : owner_of(port, base);
}

std::vector<TlsaLookup> find_tlsa(dns::Resolver& resolver, std::span<const std::string> names,
                                  std::span<const std::uint16_t> ports) {
  std::vector<dns::DnsName> hosts;
  for (const std::string& name : names)
    if (const auto host = parse_base(name)) hosts.push_back(*host);
  Answers answers;
  for (const dns::DnsName& host : hosts) {
    answers[{host, dns::RecordType::a}];
    ask_for_records(answers, host, ports);
  }
  resolve(resolver, answers);
  Answers behind_aliases;
  for (const dns::DnsName& host : hosts)
    if (const auto canonical = secure_canonical(answers.at({host, dns::RecordType::a})))
      ask_for_records(behind_aliases, *canonical, ports);
  resolve(resolver, behind_aliases);
  answers.merge(behind_aliases);
  std::vector<TlsaLookup> lookups;
  for (const dns::DnsName& host : hosts)
    for (const std::uint16_t port : ports)
      lookups.push_back(choose(answers, host, port));
  return lookups;
}

bool is_usable(const TlsaRecord& record) {
  if (record.usage != trust_anchor && record.usage != end_entity) return false;
  if (record.selector != whole_certificate && record.selector != public_key) return false;
  switch (record.matching_type) {
    case unhashed:
      return !key_in(record).empty();
    case hashed_256:
      return record.data.size() == 32;
    case hashed_512:
      return record.data.size() == 64;
    default:
      return false;
  }
}

bool matches(const TlsaRecord& record, std::span<const pki::Certificate> chain, const dns::DnsName& base) {
  if (chain.empty() || !is_usable(record)) return false;
  if (record.usage == end_entity) return content_of(chain.front(), record) == record.data;
  return pki::covers(chain.front(), base.ascii()) && matches_above(record, chain);
}

DaneJudgement judge_tlsa(const TlsaLookup& lookup, std::span<const Chain> chains) {
  DaneJudgement judgement{.lookup = lookup};
  const dns::Answer& answer = lookup.answer;
  if (answer.is_unknown()) {
    judgement.status = DaneStatus::unknown;
  } else if (answer.status != AnswerStatus::ok) {
    judgement.status = DaneStatus::none;
  } else if (answer.security != Security::secure) {
    judgement.status = DaneStatus::insecure;
  } else {
    judge_records(judgement, chains);
  }
  return judgement;
}

TlsaRecord record_for(const pki::Certificate& leaf, std::span<const TlsaRecord> beside) {
  TlsaRecord record{.usage = end_entity, .selector = public_key, .matching_type = hashed_256, .data = {}};
  const std::vector<TlsaRecord> usable = usable_among(beside);
  if (is_superseded(record, usable)) record.matching_type = hashed_512;
  record.data = content_of(leaf, record);
  return record;
}

std::string zone_line(const dns::DnsName& owner, const TlsaRecord& record) {
  return fmt::format("{}. IN TLSA {}", owner.ascii(), to_string(record));
}

std::string_view to_string(DaneStatus status) {
  return name_of(status_names, status);
}

}  // namespace mxcert::deploy
