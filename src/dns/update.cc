#include "dns/update.h"

#include <fmt/format.h>
#include <ldns/ldns.h>

#include <cstdlib>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"
#include "dns/socket_address.h"

namespace mxcert::dns {
namespace {

using Packet = Handle<ldns_pkt, ldns_pkt_free>;
using Rdf = Handle<ldns_rdf, ldns_rdf_deep_free>;
using Record = Handle<ldns_rr, ldns_rr_free>;
using RecordList = Handle<ldns_rr_list, ldns_rr_list_deep_free>;
using Buffer = Handle<ldns_buffer, ldns_buffer_free>;
using Text = Handle<char, std::free>;

constexpr timeval server_patience{15, 0};
constexpr timeval look_patience{2, 0};
constexpr std::uint32_t record_ttl = 10;  // another challenge may follow soon
constexpr std::uint16_t clock_tolerance = 300;
constexpr int bad_signature = 16, bad_key = 17, bad_time = 18;  // RFC 8945 §3

using Bytes = std::vector<std::uint8_t>;

struct Answered {
  Bytes wire;
  Packet packet;
};

Rdf to_rdf(const DnsName& name) {
  Rdf rdf(ldns_dname_new_frm_str((name.is_root() ? name.ascii() : name.ascii() + ".").c_str()));
  if (!rdf) throw Error(fmt::format("{} cannot be asked for", name.ascii()));
  return rdf;
}

std::optional<DnsName> to_name(const ldns_rdf* rdf) {
  const Text text(rdf == nullptr ? nullptr : ldns_rdf2str(rdf));
  return text ? DnsName::parse_host(text.get()) : std::nullopt;
}

std::string describe(const IpAddress& address, std::uint16_t port) {
  return port == 53 ? address.to_string() : fmt::format("{}@{}", address.to_string(), port);
}

/// Empty when there is no answer that belongs to the query.
std::optional<Answered> exchange(const IpAddress& address, std::uint16_t port, const ldns_pkt& query, bool over_tcp) {
  const Buffer buffer(ldns_buffer_new(LDNS_MAX_PACKETLEN));
  if (!buffer || ldns_pkt2buffer_wire(buffer.get(), &query) != LDNS_STATUS_OK)
    throw Error("a question to the DNS cannot be encoded");
  socklen_t size = 0;
  const sockaddr_storage target = to_socket_address(address, port, size);
  std::uint8_t* answer = nullptr;
  std::size_t answer_size = 0;
  const ldns_status status = over_tcp
                                 ? ldns_tcp_send(&answer, buffer.get(), &target, size, server_patience, &answer_size)
                                 : ldns_udp_send(&answer, buffer.get(), &target, size, look_patience, &answer_size);
  const Handle<std::uint8_t, std::free> owned(answer);
  if (status != LDNS_STATUS_OK || answer == nullptr) return std::nullopt;
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, answer, answer_size) != LDNS_STATUS_OK) return std::nullopt;
  Answered answered{Bytes(answer, answer + answer_size), Packet(packet)};
  if (ldns_pkt_id(packet) != ldns_pkt_id(&query) || !ldns_pkt_qr(packet)) return std::nullopt;
  return answered;
}

Answered ask_server(const UpdateServer& server, const ldns_pkt& query) {
  auto answered = exchange(server.address, server.port, query, true);
  if (!answered)
    throw Error(fmt::format("no answer from the DNS server {}", describe(server.address, server.port)),
                "check `server` of the challenge, and that it takes TCP from here", "dns_update");
  return *std::move(answered);
}

Packet make_query(const DnsName& name, ldns_rr_type type) {
  Packet query(ldns_pkt_query_new(to_rdf(name).release(), type, LDNS_RR_CLASS_IN, 0));
  if (!query) throw Error("a question to the DNS cannot be made");
  ldns_pkt_set_random_id(query.get());
  return query;
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

Packet make_update(const UpdateServer& server, const DnsName& zone, std::span<const TxtRecord> records, bool remove) {
  const RecordList list(ldns_rr_list_new());
  for (const TxtRecord& record : records) {
    Record rr = to_rr(record, remove);
    if (!ldns_rr_list_push_rr(list.get(), rr.get())) throw std::bad_alloc();
    static_cast<void>(rr.release());
  }
  Packet update(ldns_update_pkt_new(to_rdf(zone).release(), LDNS_RR_CLASS_IN, nullptr, list.get(), nullptr));
  if (!update) throw Error("a DNS update cannot be made");
  ldns_pkt_set_rd(update.get(), false);
  ldns_pkt_set_random_id(update.get());
  const TsigKey& key = server.key;
  if (ldns_pkt_tsig_sign(update.get(), (key.name + ".").c_str(), key.secret.c_str(), clock_tolerance,
                         (key.algorithm + ".").c_str(), nullptr) != LDNS_STATUS_OK)
    throw Error(fmt::format("a DNS update cannot be signed with key {}", key.name), "check key_file", "tsig_key");
  return update;
}

void send_update(const UpdateServer& server, const DnsName& zone, std::span<const TxtRecord> records, bool remove) {
  const Packet update = make_update(server, zone, records, remove);
  const Rdf mac(ldns_rdf_clone(ldns_rr_rdf(ldns_pkt_tsig(update.get()), 3)));
  const Answered answer = ask_server(server, *update);
  const ldns_pkt_rcode code = ldns_pkt_get_rcode(answer.packet.get());
  const int signature_error = tsig_error(*answer.packet);
  if (code != LDNS_RCODE_NOERROR || signature_error != 0)
    throw Error(fmt::format("the DNS server {} refuses to change zone {}: {}{}", describe(server.address, server.port),
                            zone.ascii(), code_name(code), signature_error_name(signature_error)),
                hint_for(server, code, signature_error), "dns_update");
  if (!ldns_pkt_tsig_verify(answer.packet.get(), answer.wire.data(), answer.wire.size(),
                            (server.key.name + ".").c_str(), server.key.secret.c_str(), mac.get()))
    throw Error(fmt::format("the answer of {} is not signed with key {}", describe(server.address, server.port),
                            server.key.name),
                "somebody else answers in its place, or it has another key", "dns_update");
}

}  // namespace

DnsName find_zone(const UpdateServer& server, const DnsName& name) {
  const Packet query = make_query(name, LDNS_RR_TYPE_SOA);
  const Answered answer = ask_server(server, *query);
  for (const auto section : {LDNS_SECTION_ANSWER, LDNS_SECTION_AUTHORITY}) {
    const RecordList found(ldns_pkt_rr_list_by_type(answer.packet.get(), LDNS_RR_TYPE_SOA, section));
    if (!found || ldns_rr_list_rr_count(found.get()) == 0) continue;
    if (const auto zone = to_name(ldns_rr_owner(ldns_rr_list_rr(found.get(), 0)))) return *zone;
  }
  throw Error(fmt::format("the DNS server {} has no zone for {}: {}", describe(server.address, server.port),
                          name.ascii(), code_name(ldns_pkt_get_rcode(answer.packet.get()))),
              "server has to be the primary of that zone", "dns_update");
}

std::vector<DnsName> find_name_servers(const UpdateServer& server, const DnsName& zone) {
  const Packet query = make_query(zone, LDNS_RR_TYPE_NS);
  const Answered answer = ask_server(server, *query);
  std::vector<DnsName> names;
  const RecordList found(ldns_pkt_rr_list_by_type(answer.packet.get(), LDNS_RR_TYPE_NS, LDNS_SECTION_ANSWER));
  for (std::size_t i = 0; found && i < ldns_rr_list_rr_count(found.get()) && i < 20; ++i)
    if (const auto name = to_name(ldns_rr_rdf(ldns_rr_list_rr(found.get(), i), 0))) names.push_back(*name);
  return names;
}

void add_records(const UpdateServer& server, const DnsName& zone, std::span<const TxtRecord> records) {
  send_update(server, zone, records, false);
}

void remove_records(const UpdateServer& server, const DnsName& zone, std::span<const TxtRecord> records) {
  send_update(server, zone, records, true);
}

bool has_record(const IpAddress& address, const TxtRecord& record) {
  const Packet query = make_query(record.name, LDNS_RR_TYPE_TXT);
  const auto answer = exchange(address, 53, *query, false);
  if (!answer) return false;
  const RecordList found(ldns_pkt_rr_list_by_type(answer->packet.get(), LDNS_RR_TYPE_TXT, LDNS_SECTION_ANSWER));
  const std::string wanted = '"' + record.text + '"';
  for (std::size_t i = 0; found && i < ldns_rr_list_rr_count(found.get()); ++i) {
    const Text text(ldns_rdf2str(ldns_rr_rdf(ldns_rr_list_rr(found.get(), i), 0)));
    if (text && wanted == text.get()) return true;
  }
  return false;
}

}  // namespace mxcert::dns
