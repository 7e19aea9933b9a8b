#include "dns_server.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <stdexcept>

#include "base/text.h"

namespace mxcert::test {
namespace {

using namespace std::string_literals;

struct Query {
  std::string id = {};
  std::string name = {};      // in text
  std::string question = {};  // on the wire
  char type = 0;
  bool edns = false;
};

Query parse_query(const std::string& packet) {
  Query query{.id = packet.substr(0, 2)};
  std::size_t at = 12;
  while (packet.at(at) != 0) {
    const auto length = static_cast<std::size_t>(packet.at(at));
    query.name += (query.name.empty() ? "" : ".") + to_lower_ascii(packet.substr(at + 1, length));
    at += 1 + length;
  }
  query.type = packet.at(at + 2);
  query.edns = packet.at(11) != 0;
  query.question = packet.substr(12, at + 5 - 12);
  return query;
}

/// `owner` is a pointer (RFC 1035 §4.1.4) or a name.
std::string record(const std::string& owner, char type, const std::string& data) {
  return owner + "\0"s + type + "\0\x01\0\0\x0e\x10\0"s + static_cast<char>(data.size()) + data;
}

std::string reply(const Query& query, char rcode, std::size_t count, const std::string& records) {
  return query.id + "\x81"s + static_cast<char>(0x80 | rcode) + "\0\x01\0"s + static_cast<char>(count) + "\0\0\0\0"s +
         query.question + records;
}

/// The AA bit (RFC 1035 §4.1.1).
std::string with_authority(std::string packet) {
  packet.at(2) = static_cast<char>(packet.at(2) | 0x04);
  return packet;
}

const std::string the_name = "\xc0\x0c"s;  // the name in the question

std::string data_for(char type) {
  if (type == 1) return "\xc0\x00\x02\x01"s;
  if (type == 28) return "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s;
  return "\0\x0a\x04MAIL"s + the_name;
}

/// A key and a signature that fit nothing (RFC 4034 §2.1, §3.1).
std::string signed_keys(const Query& query) {
  return reply(
      query, 0, 2,
      record("\0"s, 48, "\x01\x01\x03\x0d"s + std::string(64, 'k')) +
          record("\0"s, 46, "\0\x30\x0d\0\0\0\x0e\x10\x7f\xff\xff\xff\x01\0\0\0\0\x01\0"s + std::string(64, 's')));
}

std::string answer(const Query& query) {
  const std::string label = query.name.substr(0, query.name.find('.'));
  if (label == "mx") return reply(query, 0, 1, record(the_name, query.type, data_for(query.type)));
  if (label == "plain")
    return query.edns ? reply(query, 1, 0, "") : reply(query, 0, 1, record(the_name, query.type, data_for(query.type)));
  if (label == "many")  // in no order, wherever one begins
    return reply(query, 0, 3,
                 record(the_name, 15, "\0\x14\x01z"s + the_name) + record(the_name, 15, "\0\x0a\x01y"s + the_name) +
                     record(the_name, 15, "\0\x0f\x01x"s + the_name));
  if (label == "null") return reply(query, 0, 1, record(the_name, 15, "\0\0\0"s));
  if (label == "alias")
    return reply(query, 0, 2,
                 record(the_name, 5, "\x02mx\x07"s + "example\0"s) +
                     record("\x02mx\x07"s + "example\0"s, query.type, data_for(query.type)));
  if (label == "own") return with_authority(reply(query, 0, 1, record(the_name, query.type, data_for(query.type))));
  if (label == "ownempty") return with_authority(reply(query, 3, 0, ""));
  if (label == "ownrefuse") return with_authority(reply(query, 5, 0, ""));
  if (label == "torn") return reply(query, 0, 1, record(the_name, 15, "\0\x0a\x3f"s + "a"));
  if (label == "empty" || label.empty()) return reply(query, 0, 0, "");
  if (label == "gone") return reply(query, 3, 0, "");
  if (label == "fail") return reply(query, 2, 0, "");
  if (label == "refuse") return reply(query, 5, 0, "");
  return {};
}

}  // namespace

DnsServer::DnsServer(bool dead, bool signed_root)
    : dead_(dead), signed_root_(signed_root), socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket_.get(), generic, size) != 0 || ::getsockname(socket_.get(), generic, &size) != 0)
    throw std::runtime_error("cannot open a DNS port");
  address_ = "127.0.0.1@" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { serve(); });
}

DnsServer::~DnsServer() {
  stop_ = true;
  thread_.join();
}

int DnsServer::asked(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return asked_[name];
}

void DnsServer::serve() {
  while (!stop_) {
    pollfd readable{socket_.get(), POLLIN, 0};
    if (::poll(&readable, 1, 20) <= 0) continue;
    std::string packet(1500, '\0');
    sockaddr_in peer{};
    socklen_t peer_size = sizeof peer;
    auto* generic = reinterpret_cast<sockaddr*>(&peer);
    const auto received = ::recvfrom(socket_.get(), packet.data(), packet.size(), 0, generic, &peer_size);
    if (received < 17) continue;
    packet.resize(static_cast<std::size_t>(received));
    const Query query = parse_query(packet);
    {
      const std::lock_guard lock(mutex_);
      ++asked_[query.name];
    }
    const bool about_keys = query.name.empty() && query.type == 48;
    const std::string response = about_keys && signed_root_ ? signed_keys(query) : answer(query);
    if (!dead_ && !response.empty()) ::sendto(socket_.get(), response.data(), response.size(), 0, generic, peer_size);
  }
}

}  // namespace mxcert::test
