#include "dns/update.h"

#include <fmt/format.h>
#include <ldns/ldns.h>

#include <cstdlib>
#include <map>
#include <new>
#include <set>
#include <utility>

#include "base/handle.h"
#include "base/text.h"
#include "dns/exchange.h"

namespace mxcert::dns {
namespace {

using Rdf = Handle<ldns_rdf, ldns_rdf_deep_free>;
using Record = Handle<ldns_rr, ldns_rr_free>;
using RecordList = Handle<ldns_rr_list, ldns_rr_list_deep_free>;
using Text = Handle<char, std::free>;

constexpr std::chrono::seconds server_patience{15};
constexpr std::chrono::seconds look_patience{2};
constexpr std::uint32_t record_ttl = 10;  // another challenge may follow soon
constexpr std::uint16_t clock_tolerance = 300;
constexpr int bad_signature = 16, bad_key = 17, bad_time = 18;  // RFC 8945 §3

Rdf to_rdf(const DnsName& name) {
  Rdf rdf(ldns_dname_new_frm_str((name.is_root() ? name.ascii() : name.ascii() + ".").c_str()));
  if (!rdf) throw Error(fmt::format("{} cannot be asked for", name.ascii()));
  return rdf;
}

std::optional<DnsName> to_name(const ldns_rdf* rdf) {
  const Text text(rdf == nullptr ? nullptr : ldns_rdf2str(rdf));
  return text ? DnsName::parse_host(text.get()) : std::nullopt;
}

std::string describe(const ServerAddress& server) {
  return server.port == 53 ? server.address.to_string() : fmt::format("{}@{}", server.address.to_string(), server.port);
}

Error no_answer(const UpdateServer& server) {
  return Error(fmt::format("no answer from the DNS server {}", describe(server.at)),
               "check `server` of the challenge, and that it takes TCP from here", "dns_update");
}

/// Gives the messages of one batch ids that differ, beginning anywhere.
void number(std::span<const Packet> packets) {
  if (packets.empty()) return;
  ldns_pkt_set_random_id(packets.front().get());
  for (std::size_t i = 1; i < packets.size(); ++i)
    ldns_pkt_set_id(packets[i].get(), static_cast<std::uint16_t>(ldns_pkt_id(packets[i - 1].get()) + 1));
}

Packet make_query(const DnsName& name, ldns_rr_type type) {
  Packet query(ldns_pkt_query_new(to_rdf(name).release(), type, LDNS_RR_CLASS_IN, 0));
  if (!query) throw Error("a question to the DNS cannot be made");
  return query;
}

std::vector<Packet> make_queries(std::span<const DnsName> names, ldns_rr_type type) {
  std::vector<Packet> queries;
  queries.reserve(names.size());
  for (const DnsName& name : names)
    queries.push_back(make_query(name, type));
  number(queries);
  return queries;
}

std::string code_name(ldns_pkt_rcode code) {
  const Text text(ldns_pkt_rcode2str(code));
  return text ? printable(text.get(), 40) : fmt::format("code {}", static_cast<int>(code));
}

/// 0 when there is none.
int tsig_error(const ldns_pkt& packet) {
  const ldns_rr* tsig = ldns_pkt_tsig(&packet);
  if (tsig == nullptr || ldns_rr_rd_count(tsig) < 6) return 0;
  return ldns_rdf2native_int16(ldns_rr_rdf(tsig, 5));
}

std::string hint_for(const UpdateServer& server, ldns_pkt_rcode code, int signature_error) {
  if (signature_error == bad_key)
    return fmt::format("the server has no key {} with {}: check key_file and the server's keys", server.key.name,
                       server.key.algorithm);
  if (signature_error == bad_signature)
    return fmt::format("the secret of key {} is another one there: check key_file", server.key.name);
  if (signature_error == bad_time) return "the clocks of this machine and the server differ: correct them";
  if (code == LDNS_RCODE_REFUSED)
    return fmt::format("allow updates with key {} for this zone (update-policy, acl)", server.key.name);
  if (code == LDNS_RCODE_NOTAUTH) return "server has to be the primary of the zone, and to know the key";
  return "the server's log may say more";
}

std::string signature_error_name(int error) {
  switch (error) {
    case 0:
      return {};
    case bad_signature:
      return " (BADSIG)";
    case bad_key:
      return " (BADKEY)";
    case bad_time:
      return " (BADTIME)";
    default:
      return fmt::format(" (TSIG error {})", error);
  }
}

Record to_rr(const TxtRecord& record, bool remove) {
  Record rr(ldns_rr_new());
  if (!rr) throw std::bad_alloc();
  ldns_rr_set_owner(rr.get(), to_rdf(record.name).release());
  ldns_rr_set_type(rr.get(), LDNS_RR_TYPE_TXT);
  // RFC 2136 §2.5.1, §2.5.4: class NONE takes this one record away.
  ldns_rr_set_class(rr.get(), remove ? LDNS_RR_CLASS_NONE : LDNS_RR_CLASS_IN);
  ldns_rr_set_ttl(rr.get(), remove ? 0 : record_ttl);
  Rdf text(ldns_rdf_new_frm_str(LDNS_RDF_TYPE_STR, record.text.c_str()));
  if (!text || !ldns_rr_push_rdf(rr.get(), text.get())) throw Error("a TXT record cannot be made");
  static_cast<void>(text.release());
  return rr;
}

Packet make_update(const ZoneRecords& change, bool remove) {
  const RecordList list(ldns_rr_list_new());
  for (const TxtRecord& record : change.records) {
    Record rr = to_rr(record, remove);
    if (!ldns_rr_list_push_rr(list.get(), rr.get())) throw std::bad_alloc();
    static_cast<void>(rr.release());
  }
  Packet update(ldns_update_pkt_new(to_rdf(change.zone).release(), LDNS_RR_CLASS_IN, nullptr, list.get(), nullptr));
  if (!update) throw Error("a DNS update cannot be made");
  ldns_pkt_set_rd(update.get(), false);
  return update;
}

void sign(ldns_pkt& update, const TsigKey& key) {
  if (ldns_pkt_tsig_sign(&update, (key.name + ".").c_str(), key.secret.c_str(), clock_tolerance,
                         (key.algorithm + ".").c_str(), nullptr) != LDNS_STATUS_OK)
    throw Error(fmt::format("a DNS update cannot be signed with key {}", key.name), "check key_file", "tsig_key");
}

/// Why `answer` is not the server's word that `update` was done.
std::optional<Error> find_fault(const UpdateServer& server, const DnsName& zone, const ldns_pkt& update,
                                const std::optional<Answered>& answer) {
  if (!answer) return no_answer(server);
  const ldns_pkt_rcode code = ldns_pkt_get_rcode(answer->packet.get());
  const int signature_error = tsig_error(*answer->packet);
  if (code != LDNS_RCODE_NOERROR || signature_error != 0)
    return Error(fmt::format("the DNS server {} refuses to change zone {}: {}{}", describe(server.at), zone.ascii(),
                             code_name(code), signature_error_name(signature_error)),
                 hint_for(server, code, signature_error), "dns_update");
  const Rdf mac(ldns_rdf_clone(ldns_rr_rdf(ldns_pkt_tsig(&update), 3)));
  if (!ldns_pkt_tsig_verify(answer->packet.get(), answer->wire.data(), answer->wire.size(),
                            (server.key.name + ".").c_str(), server.key.secret.c_str(), mac.get()))
    return Error(fmt::format("the answer of {} is not signed with key {}", describe(server.at), server.key.name),
                 "somebody else answers in its place, or it has another key", "dns_update");
  return std::nullopt;
}

Faults send_updates(Clock& clock, const UpdateServer& server, std::span<const ZoneRecords> changes, bool remove) {
  std::vector<Packet> updates;
  updates.reserve(changes.size());
  for (const ZoneRecords& change : changes)
    updates.push_back(make_update(change, remove));
  number(updates);
  for (const Packet& update : updates)
    sign(*update, server.key);
  const AnswersOnWire answers =
      ask_over_tcp(server.at, updates, {clock, server_patience, remove ? AtStop::hurry : AtStop::interrupt});
  Faults faults;
  faults.reserve(changes.size());
  for (std::size_t i = 0; i < changes.size(); ++i)
    faults.push_back(find_fault(server, changes[i].zone, *updates[i], answers[i]));
  return faults;
}

std::variant<DnsName, Error> zone_in(const UpdateServer& server, const DnsName& name,
                                     const std::optional<Answered>& answer) {
  if (!answer) return no_answer(server);
  for (const auto section : {LDNS_SECTION_ANSWER, LDNS_SECTION_AUTHORITY}) {
    const RecordList found(ldns_pkt_rr_list_by_type(answer->packet.get(), LDNS_RR_TYPE_SOA, section));
    if (!found || ldns_rr_list_rr_count(found.get()) == 0) continue;
    if (auto zone = to_name(ldns_rr_owner(ldns_rr_list_rr(found.get(), 0)))) return *std::move(zone);
  }
  return Error(fmt::format("the DNS server {} has no zone for {}: {}", describe(server.at), name.ascii(),
                           code_name(ldns_pkt_get_rcode(answer->packet.get()))),
               "server has to be the primary of that zone", "dns_update");
}

std::vector<DnsName> name_servers_in(const ldns_pkt& answer) {
  constexpr std::size_t max_servers = 20;
  std::vector<DnsName> names;
  const RecordList found(ldns_pkt_rr_list_by_type(&answer, LDNS_RR_TYPE_NS, LDNS_SECTION_ANSWER));
  for (std::size_t i = 0; found && i < ldns_rr_list_rr_count(found.get()) && names.size() < max_servers; ++i)
    if (const auto name = to_name(ldns_rr_rdf(ldns_rr_list_rr(found.get(), i), 0))) names.push_back(*name);
  return names;
}

bool has_text(const ldns_pkt& answer, const std::string& text) {
  const RecordList found(ldns_pkt_rr_list_by_type(&answer, LDNS_RR_TYPE_TXT, LDNS_SECTION_ANSWER));
  const std::string wanted = '"' + text + '"';
  for (std::size_t i = 0; found && i < ldns_rr_list_rr_count(found.get()); ++i) {
    const Text shown(ldns_rdf2str(ldns_rr_rdf(ldns_rr_list_rr(found.get(), i), 0)));
    if (shown && wanted == shown.get()) return true;
  }
  return false;
}

/// What the servers say about the names of `expected`, each asked once: by UDP, and by TCP where that cut it off.
std::map<std::pair<ServerAddress, DnsName>, Answered> ask_for_texts(Clock& clock,
                                                                    std::span<const ExpectedRecord> expected) {
  std::set<std::pair<ServerAddress, DnsName>> questions;
  for (const ExpectedRecord& record : expected)
    questions.emplace(record.server, record.record.name);
  std::vector<DnsName> names;
  names.reserve(questions.size());
  for (const auto& [server, name] : questions)
    names.push_back(name);
  std::vector<Packet> queries = make_queries(names, LDNS_RR_TYPE_TXT);
  std::vector<Datagram> datagrams;
  datagrams.reserve(queries.size());
  for (const auto& [server, name] : questions)
    datagrams.push_back({server, std::move(queries[datagrams.size()])});

  AnswersOnWire answers = ask_over_udp(datagrams, {clock, look_patience});
  std::map<std::pair<ServerAddress, DnsName>, Answered> said;
  for (std::size_t i = 0; const auto& question : questions) {
    auto& answer = answers[i];
    if (answer && ldns_pkt_tc(answer->packet.get()))
      answer = std::move(ask_over_tcp(datagrams[i].server, {&datagrams[i].query, 1}, {clock, look_patience}).front());
    if (answer) said.emplace(question, *std::move(answer));
    ++i;
  }
  return said;
}

}  // namespace

std::vector<std::variant<DnsName, Error>> find_zones(Clock& clock, const UpdateServer& server,
                                                     std::span<const DnsName> names, AtStop at_stop) {
  const AnswersOnWire answers =
      ask_over_tcp(server.at, make_queries(names, LDNS_RR_TYPE_SOA), {clock, server_patience, at_stop});
  std::vector<std::variant<DnsName, Error>> zones;
  zones.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i)
    zones.push_back(zone_in(server, names[i], answers[i]));
  return zones;
}

std::vector<std::vector<DnsName>> find_name_servers(Clock& clock, const UpdateServer& server,
                                                    std::span<const DnsName> zones) {
  const AnswersOnWire answers = ask_over_tcp(server.at, make_queries(zones, LDNS_RR_TYPE_NS), {clock, server_patience});
  std::vector<std::vector<DnsName>> found;
  found.reserve(zones.size());
  for (const std::optional<Answered>& answer : answers)
    found.push_back(answer ? name_servers_in(*answer->packet) : throw no_answer(server));
  return found;
}

Faults add_records(Clock& clock, const UpdateServer& server, std::span<const ZoneRecords> records) {
  return send_updates(clock, server, records, false);
}

Faults remove_records(Clock& clock, const UpdateServer& server, std::span<const ZoneRecords> records) {
  return send_updates(clock, server, records, true);
}

std::vector<bool> are_shown(Clock& clock, std::span<const ExpectedRecord> expected) {
  const auto said = ask_for_texts(clock, expected);
  std::vector<bool> shown;
  shown.reserve(expected.size());
  for (const auto& [server, record] : expected) {
    const auto answer = said.find({server, record.name});
    shown.push_back(answer != said.end() && has_text(*answer->second.packet, record.text));
  }
  return shown;
}

}  // namespace mxcert::dns
