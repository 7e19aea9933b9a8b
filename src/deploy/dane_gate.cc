#include "deploy/dane_gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "pki/key.h"

namespace mxcert::deploy {
namespace {

constexpr std::size_t max_records_told = 6;
constexpr std::size_t max_lines_told = 12;
constexpr std::size_t max_record_bytes = 160;

const DaneJudgement* find_first(std::span<const DaneJudgement> judgements, DaneStatus status) {
  const auto found = std::ranges::find(judgements, status, &DaneJudgement::status);
  return found == judgements.end() ? nullptr : &*found;
}

/// `_25._tcp.mx.example.com`, or that `and 3 more`.
std::string owners(std::span<const DaneJudgement> judgements, DaneStatus status) {
  std::set<std::string> all;
  for (const DaneJudgement& judgement : judgements)
    if (judgement.status == status) all.insert(judgement.lookup.owner().ascii());
  const std::string first = find_first(judgements, status)->lookup.owner().ascii();
  return all.size() == 1 ? first : fmt::format("{} and {} more", first, all.size() - 1);
}

std::string describe_records(std::span<const dns::TlsaRecord> records) {
  std::vector<std::string> texts;
  for (const dns::TlsaRecord& record : records.first(std::min(records.size(), max_records_told)))
    texts.push_back(printable(to_string(record), max_record_bytes));
  if (records.size() > max_records_told) texts.push_back(fmt::format("{} more", records.size() - max_records_told));
  return join(texts, ", ");
}

/// `the new certificate`, or which of its keys when it has several.
std::string describe_unmatched(const DaneJudgement& judgement, std::span<const Chain> chains) {
  if (chains.size() == 1) return "the new certificate";
  std::vector<std::string> keys;
  for (const std::size_t i : judgement.unmatched)
    if (const auto family = chains[i].front().key_family) keys.emplace_back(pki::to_string(*family));
  return fmt::format("the new certificate's {} key", join(keys, " and "));
}

/// Whether senders that use DANE can deliver now.
bool delivers_now(const DaneJudgement& judgement, std::span<const Chain> in_service) {
  return std::ranges::any_of(in_service, [&](const Chain& chain) {
    return judge_tlsa(judgement.lookup, {&chain, 1}).status == DaneStatus::matches;
  });
}

/// Those that are not there yet, each once.
std::vector<std::string> lines_to_publish(std::span<const DaneJudgement> judgements, std::span<const Chain> chains) {
  std::vector<std::string> lines;
  for (const DaneJudgement& judgement : judgements) {
    for (const std::size_t i : judgement.unmatched) {
      const dns::TlsaRecord record = record_for(chains[i].front(), judgement.lookup.answer.tlsa);
      const std::string line = zone_line(judgement.lookup.owner(), record);
      if (std::ranges::find(lines, line) == lines.end()) lines.push_back(line);
    }
  }
  return lines;
}

DaneVerdict refuse_mismatch(const std::string& certificate_name, std::span<const DaneJudgement> judgements,
                            std::span<const Chain> chains, std::span<const Chain> in_service) {
  const DaneJudgement& first = *find_first(judgements, DaneStatus::mismatch);
  const bool broken_now = !in_service.empty() && !delivers_now(first, in_service);
  DaneVerdict verdict{.kind = DaneVerdict::Kind::mismatch};
  verdict.reason =
      fmt::format("the TLSA records of {} do not match {}{}: senders that use DANE would not deliver; published: {}",
                  owners(judgements, DaneStatus::mismatch), describe_unmatched(first, chains),
                  broken_now ? ", nor what is served now" : "", describe_records(first.lookup.answer.tlsa));
  std::vector<std::string> lines = lines_to_publish(judgements, chains);
  verdict.hint = fmt::format(
      "publish {} beside those that are there, wait for two of their TTLs, then run mxcert deploy {} (renew tries by "
      "itself); what is served now stays until then",
      lines.size() == 1 ? "this record" : "these records", certificate_name);
  if (lines.size() > max_lines_told) {
    lines.resize(max_lines_told);
    lines.push_back(fmt::format("… mxcert tlsa {} prints all of them", certificate_name));
  }
  verdict.hint += "\n" + join(lines, "\n");
  return verdict;
}

DaneVerdict refuse_unknown(const std::string& certificate_name, std::span<const DaneJudgement> judgements) {
  const dns::Answer& answer = find_first(judgements, DaneStatus::unknown)->lookup.answer;
  const bool bogus = answer.status == dns::AnswerStatus::bogus;
  return {
      .kind = DaneVerdict::Kind::unknown,
      .reason = fmt::format(
          "the certificate has another key than what is served now, and whether {} has TLSA records for it is not "
          "known: {}{}",
          owners(judgements, DaneStatus::unknown), bogus ? "its DNSSEC is broken: " : "", answer.reason),
      .hint = fmt::format("{}, then run mxcert deploy {} (renew tries by itself); what is served now stays until then",
                          bogus ? "mend the zone's signatures: senders that validate cannot deliver there either"
                                : "wait until the DNS answers",
                          certificate_name)};
}

bool has_key_in_service(const Chain& delivered, std::span<const Chain> in_service) {
  return std::ranges::any_of(
      in_service, [&](const Chain& chain) { return chain.front().public_key_der == delivered.front().public_key_der; });
}

}  // namespace

std::vector<std::uint16_t> ports_of(std::span<const Check> checks) {
  std::set<std::uint16_t> ports{25};
  for (const Check& check : checks)
    ports.insert(check.endpoint.port);
  return {ports.begin(), ports.end()};
}

std::vector<Chain> chains_in_service(std::span<const Observation> before, std::span<const FileChange> changes) {
  std::vector<Chain> chains;
  for (const Observation& observation : before)
    if (observation.result.shown() && !observation.result.chain.empty()) chains.push_back(observation.result.chain);
  for (const FileChange& change : changes) {
    if (!change.before) continue;
    try {
      chains.push_back(pki::parse_certificates(change.before->content));
    } catch (const Error&) {
      // a key, or something else
    }
  }
  return chains;
}

DaneVerdict decide_by_dane(const std::string& certificate_name, std::span<const DaneJudgement> judgements,
                           std::span<const Chain> chains, std::span<const Chain> in_service) {
  if (find_first(judgements, DaneStatus::mismatch) != nullptr)
    return refuse_mismatch(certificate_name, judgements, chains, in_service);
  const bool same_keys =
      std::ranges::all_of(chains, [&](const Chain& chain) { return has_key_in_service(chain, in_service); });
  if (find_first(judgements, DaneStatus::unknown) != nullptr && !same_keys)
    return refuse_unknown(certificate_name, judgements);
  return {};
}

}  // namespace mxcert::deploy
