#include "update_server.h"

#include <ldns/ldns.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace mxcert::test {
namespace {

using Packet = Handle<ldns_pkt, ldns_pkt_free>;

const dns::TsigKey key{"test", "hmac-sha256", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3I="};

std::string text_of(const ldns_rdf* rdf) {
  const Handle<char, std::free> text(ldns_rdf2str(rdf));
  return text.get();
}

std::string zone_of(const std::string& name) {
  const auto top = name.rfind('.', name.size() - 2);
  const auto second = top == std::string::npos ? top : name.rfind('.', top - 1);
  return second == std::string::npos ? name : name.substr(second + 1);
}

void push(ldns_pkt& packet, ldns_pkt_section section, const std::string& record) {
  ldns_rr* rr = nullptr;
  if (ldns_rr_new_frm_str(&rr, record.c_str(), 5, nullptr, nullptr) != LDNS_STATUS_OK)
    throw std::logic_error("not a record: " + record);
  ldns_pkt_push_rr(&packet, section, rr);
}

std::string to_wire(const ldns_pkt& packet) {
  std::uint8_t* wire = nullptr;
  std::size_t size = 0;
  if (ldns_pkt2wire(&wire, &packet, &size) != LDNS_STATUS_OK) throw std::logic_error("cannot encode");
  const Handle<std::uint8_t, std::free> owned(wire);
  return {reinterpret_cast<const char*>(wire), size};
}

bool read_exactly(int socket, std::string& into, std::size_t size) {
  into.resize(size);
  return size == 0 || ::recv(socket, into.data(), size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

bool is_readable(int socket) {
  pollfd readable{socket, POLLIN, 0};
  return ::poll(&readable, 1, 20) > 0;
}

}  // namespace

UpdatingServer::UpdatingServer(ServerManners manners)
    : manners_(manners),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      udp_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 10) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0 || ::bind(udp_.get(), generic, size) != 0)
    throw std::runtime_error("cannot open a DNS port");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

UpdatingServer::~UpdatingServer() {
  stop_ = true;
  thread_.join();
}

dns::UpdateServer UpdatingServer::at() const {
  return {{dns::IpAddress::parse("127.0.0.1"), port_}, key};
}

void UpdatingServer::set_texts(const std::string& name, std::vector<std::string> texts) {
  const std::lock_guard lock(mutex_);
  texts_[name + "."] = std::move(texts);
}

void UpdatingServer::serve() {
  while (!stop_) {
    pollfd readable[] = {{listener_.get(), POLLIN, 0}, {udp_.get(), POLLIN, 0}};
    if (::poll(readable, 2, 20) <= 0) continue;
    if (readable[0].revents != 0) {
      const Fd connection(::accept(listener_.get(), nullptr, nullptr));
      ++connections_;
      serve_connection(connection);
    }
    if (readable[1].revents != 0) {
      std::string query(4096, '\0');
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      auto* generic = reinterpret_cast<sockaddr*>(&peer);
      query.resize(static_cast<std::size_t>(::recvfrom(udp_.get(), query.data(), query.size(), 0, generic, &size)));
      ++datagrams_;
      const std::string response = manners_.is_silent ? "" : answer(query, 512);
      if (!response.empty()) ::sendto(udp_.get(), response.data(), response.size(), 0, generic, size);
    }
  }
}

void UpdatingServer::serve_connection(const Fd& connection) {
  std::vector<std::string> waiting;
  while (!stop_) {
    if (is_readable(connection.get())) {
      std::string length, query;
      if (!read_exactly(connection.get(), length, 2)) return;
      const auto size =
          static_cast<std::size_t>(static_cast<unsigned char>(length[0]) << 8 | static_cast<unsigned char>(length[1]));
      if (!read_exactly(connection.get(), query, size)) return;
      waiting.push_back(manners_.is_silent ? "" : answer(query, 65'535));
      if (manners_.answers_backwards) continue;
    }
    std::ranges::reverse(waiting);
    for (const std::string& response : waiting) {
      if (response.empty()) continue;
      const std::string framed =
          std::string{static_cast<char>(response.size() >> 8), static_cast<char>(response.size())} + response;
      ::send(connection.get(), framed.data(), framed.size(), MSG_NOSIGNAL);
      if (manners_.closes_after_each) return;
    }
    waiting.clear();
  }
}

std::string UpdatingServer::answer(const std::string& query, std::size_t max_size) {
  ldns_pkt* parsed = nullptr;
  const auto* wire = reinterpret_cast<const std::uint8_t*>(query.data());
  if (ldns_wire2pkt(&parsed, wire, query.size()) != LDNS_STATUS_OK) return {};
  const Packet asked(parsed);
  const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(parsed), 0);
  const std::string name = text_of(ldns_rr_owner(question));
  const Packet response(ldns_pkt_new());
  ldns_pkt_set_id(response.get(), ldns_pkt_id(parsed));
  ldns_pkt_set_qr(response.get(), true);
  ldns_pkt_set_opcode(response.get(), ldns_pkt_get_opcode(parsed));
  ldns_pkt_push_rr(response.get(), LDNS_SECTION_QUESTION, ldns_rr_clone(question));
  if (ldns_pkt_get_opcode(parsed) == LDNS_PACKET_UPDATE) {
    ++updates_;
    const ldns_rr* tsig = ldns_pkt_tsig(parsed);
    if (tsig == nullptr) return {};
    if (name == "refused.example.") ldns_pkt_set_rcode(response.get(), LDNS_RCODE_REFUSED);
    ldns_pkt_tsig_sign(response.get(), (key.name + ".").c_str(), key.secret.c_str(), 300, (key.algorithm + ".").c_str(),
                       ldns_rr_rdf(tsig, 3));
    return to_wire(*response);
  }
  if (ldns_rr_get_type(question) == LDNS_RR_TYPE_SOA)
    push(*response, LDNS_SECTION_AUTHORITY, zone_of(name) + " 5 IN SOA ns.example. root.example. 1 2 3 4 5");
  if (ldns_rr_get_type(question) == LDNS_RR_TYPE_NS)
    for (const char* server : {"one.", "two."})
      push(*response, LDNS_SECTION_ANSWER, name + " 5 IN NS " + server + name);
  if (ldns_rr_get_type(question) == LDNS_RR_TYPE_TXT) {
    const std::lock_guard lock(mutex_);
    for (const std::string& text : texts_[name])
      push(*response, LDNS_SECTION_ANSWER, name + " 5 IN TXT \"" + text + "\"");
  }
  std::string encoded = to_wire(*response);
  if (encoded.size() <= max_size) return encoded;
  encoded = encoded.substr(0, 12) + query.substr(12);
  encoded[2] = static_cast<char>(encoded[2] | 2);  // TC
  encoded[7] = 0;                                  // no answers
  return encoded;
}

}  // namespace mxcert::test
