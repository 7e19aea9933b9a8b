#include "report/tlsa_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/name_table.h"
#include "base/text.h"
#include "pki/key.h"
#include "report/json.h"

namespace mxcert::report {
namespace {

using deploy::Chain;
using deploy::DaneStatus;
using State = TlsaLine::State;

constexpr std::size_t max_line_bytes = 4000;  // a record may hold a whole certificate

bool matches_any(const deploy::TlsaLookup& lookup, const dns::TlsaRecord& record, std::span<const Chain> chains) {
  return std::ranges::any_of(chains, [&](const Chain& chain) { return deploy::matches(record, chain, lookup.base); });
}

State state_of_found(const deploy::TlsaLookup& lookup, const dns::TlsaRecord& record, std::span<const Chain> live,
                     std::span<const Chain> served) {
  if (!deploy::is_usable(record)) return State::unusable;
  if (matches_any(lookup, record, live)) return State::published;
  return matches_any(lookup, record, served) ? State::in_use : State::stale;
}

std::string note_of_missing(const TlsaRrset& rrset, const TlsaCertificate& certificate) {
  switch (rrset.status) {
    case DaneStatus::mismatch:
      return certificate.in_service ? "add it now: senders that use DANE cannot deliver without it"
                                    : "add it, and wait for two TTLs: only then is the new key installed";
    case DaneStatus::matches:
      return "add it: what is there may not fit after the next renewal";
    case DaneStatus::unusable:
      return "add it: what is there protects nobody";
    default:
      return "not published";
  }
}

/// What is said behind a record.
std::string note_of(const TlsaLine& line, const TlsaRrset& rrset, const TlsaCertificate& certificate) {
  switch (line.state) {
    case State::published:
      return rrset.status == DaneStatus::insecure ? "published, but its zone is not signed: senders ignore it"
                                                  : "published";
    case State::missing:
      return note_of_missing(rrset, certificate);
    case State::in_use:
      return fmt::format("keep it until version {} is in service, and then for two TTLs", certificate.version);
    case State::stale:
      return "remove it, unless it is for a key that is to come";
    case State::unusable:
      return "remove it: mail does not use this kind";
    case State::unknown:
      return "not known whether it is published: " + printable(rrset.lookup.answer.reason, 300);
  }
  return {};
}

/// Whether it belongs into the zone.
bool is_wanted(State state) {
  return state != State::stale && state != State::unusable;
}

std::string line_to_text(const TlsaLine& line, const TlsaRrset& rrset, const TlsaCertificate& certificate) {
  return fmt::format("{}{}  ; {}\n", is_wanted(line.state) ? "" : "; ",
                     printable(deploy::zone_line(rrset.lookup.owner(), line.record), max_line_bytes),
                     note_of(line, rrset, certificate));
}

constexpr auto state_names = name_table<State>({
    {State::published, "published"},
    {State::missing, "missing"},
    {State::in_use, "in_use"},
    {State::stale, "stale"},
    {State::unusable, "unusable"},
    {State::unknown, "unknown"},
});

Json to_json(const TlsaRrset& rrset) {
  const dns::DnsName owner = rrset.lookup.owner();
  Json records = Json::array();
  for (const TlsaLine& line : rrset.lines)
    records.push_back({{"record", dns::to_string(line.record)},
                       {"line", deploy::zone_line(owner, line.record)},
                       {"state", to_string(line.state)},
                       {"key_type", line.key_type.empty() ? Json() : Json(line.key_type)}});
  const std::string& reason = rrset.lookup.answer.reason;
  return {{"owner", owner.ascii()},
          {"name", rrset.lookup.name},
          {"port", rrset.lookup.port},
          {"status", to_string(rrset.status)},
          {"reason", reason.empty() ? Json() : Json(reason)},
          {"records", records}};
}

Json to_json(const TlsaCertificate& certificate) {
  Json rrsets = Json::array();
  for (const TlsaRrset& rrset : certificate.rrsets)
    rrsets.push_back(to_json(rrset));
  return {{"name", certificate.name},
          {"certificate_version", certificate.version},
          {"in_service", certificate.in_service},
          {"rrsets", rrsets}};
}

}  // namespace

std::string_view to_string(State state) {
  return name_of(state_names, state);
}

TlsaRrset compare_tlsa(const deploy::TlsaLookup& lookup, std::span<const Chain> live, std::span<const Chain> served) {
  TlsaRrset rrset{.lookup = lookup, .status = deploy::judge_tlsa(lookup, live).status};
  std::vector<dns::TlsaRecord> others = lookup.answer.tlsa;
  for (const Chain& chain : live) {
    const pki::Certificate& leaf = chain.front();
    const dns::TlsaRecord record = deploy::record_for(leaf, lookup.answer.tlsa);
    State state = std::erase(others, record) > 0 ? State::published : State::missing;
    if (lookup.answer.is_unknown()) state = State::unknown;
    const std::string key_type(leaf.key_family ? pki::to_string(*leaf.key_family) : "");
    rrset.lines.push_back({state, record, key_type});
  }
  for (const dns::TlsaRecord& record : others)
    rrset.lines.push_back({state_of_found(lookup, record, live, served), record});
  return rrset;
}

std::string tlsa_to_text(std::span<const TlsaCertificate> certificates) {
  std::string text;
  for (const TlsaCertificate& certificate : certificates) {
    text += fmt::format("{}; {}, version {}\n", text.empty() ? "" : "\n", certificate.name, certificate.version);
    for (const TlsaRrset& rrset : certificate.rrsets)
      for (const TlsaLine& line : rrset.lines)
        text += line_to_text(line, rrset, certificate);
  }
  return text;
}

std::string tlsa_to_json(std::span<const TlsaCertificate> certificates, const Report& report) {
  Json list = Json::array();
  for (const TlsaCertificate& certificate : certificates)
    list.push_back(to_json(certificate));
  Json document{{"version", 1}, {"certificates", list}};
  add_findings(document, report);
  return dump(document);
}

}  // namespace mxcert::report
