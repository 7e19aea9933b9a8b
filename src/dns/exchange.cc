#include "dns/exchange.h"

#include <ldns/ldns.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>

#include "base/error.h"
#include "dns/socket_address.h"

namespace mxcert::dns {
namespace {

using Buffer = Handle<ldns_buffer, ldns_buffer_free>;
using std::chrono::steady_clock;

Buffer encode(const ldns_pkt& query) {
  Buffer buffer(ldns_buffer_new(LDNS_MAX_PACKETLEN));
  if (!buffer || ldns_pkt2buffer_wire(buffer.get(), &query) != LDNS_STATUS_OK)
    throw Error("a question to the DNS cannot be encoded");
  return buffer;
}

std::optional<Answered> decode(std::span<const std::uint8_t> wire) {
  ldns_pkt* packet = nullptr;
  if (ldns_wire2pkt(&packet, wire.data(), wire.size()) != LDNS_STATUS_OK) return std::nullopt;
  Answered answered{{wire.begin(), wire.end()}, Packet(packet)};
  if (!ldns_pkt_qr(packet)) return std::nullopt;
  return answered;
}

/// Puts the answer where it belongs; false when it belongs nowhere.
bool place(Answered answered, std::span<const Packet> queries, AnswersOnWire& answers) {
  for (std::size_t i = 0; i < queries.size(); ++i) {
    if (answers[i] || ldns_pkt_id(queries[i].get()) != ldns_pkt_id(answered.packet.get())) continue;
    answers[i] = std::move(answered);
    return true;
  }
  return false;
}

/// Those of `queries` that have no answer, each behind its length (RFC 1035 §4.2.2).
std::vector<std::uint8_t> encode_unanswered(std::span<const Packet> queries, const AnswersOnWire& answers) {
  std::vector<std::uint8_t> stream;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    if (answers[i]) continue;
    const Buffer message = encode(*queries[i]);
    const std::size_t size = ldns_buffer_position(message.get());
    stream.push_back(static_cast<std::uint8_t>(size >> 8));
    stream.push_back(static_cast<std::uint8_t>(size));
    stream.insert(stream.end(), ldns_buffer_begin(message.get()), ldns_buffer_begin(message.get()) + size);
  }
  return stream;
}

/// As far as the other side takes it: answers to the beginning may be there even so.
void send_stream(const Fd& socket, std::span<const std::uint8_t> stream) {
  while (!stream.empty()) {
    const ssize_t sent = ::send(socket.get(), stream.data(), stream.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    stream = stream.subspan(static_cast<std::size_t>(sent));
  }
}

/// What one connection brings; false when nothing more is to be hoped for from another.
bool ask_in_one_connection(const ServerAddress& server, std::span<const Packet> queries, std::chrono::seconds patience,
                           AnswersOnWire& answers) {
  socklen_t size = 0;
  const sockaddr_storage target = to_socket_address(server.address, server.port, size);
  const timeval timeout{patience.count(), 0};
  const Fd socket(ldns_tcp_connect2(&target, size, timeout));
  if (!socket) return false;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  send_stream(socket, encode_unanswered(queries, answers));
  bool any = false;
  for (auto expected = std::ranges::count(answers, false, &std::optional<Answered>::has_value); expected > 0;
       --expected) {
    const auto began = steady_clock::now();
    std::size_t wire_size = 0;
    const Handle<std::uint8_t, std::free> wire(ldns_tcp_read_wire_timeout(socket.get(), &wire_size, timeout));
    if (!wire) return any && steady_clock::now() - began < patience;  // closed, not silent
    if (auto answered = decode({wire.get(), wire_size})) any |= place(*std::move(answered), queries, answers);
  }
  return any;
}

/// A socket that takes datagrams of this server only; none when it cannot be reached from here.
Fd connect_udp(const ServerAddress& server) {
  socklen_t size = 0;
  const sockaddr_storage target = to_socket_address(server.address, server.port, size);
  Fd socket(::socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target), size) != 0) socket.reset();
  return socket;
}

/// The datagrams to one server.
struct Conversation {
  Fd socket;
  std::vector<std::size_t> asked;  // indices of what has no answer yet
};

void send_all(std::span<const Datagram> datagrams, Conversation& conversation) {
  for (const std::size_t index : conversation.asked) {
    const Buffer buffer = encode(*datagrams[index].query);
    ::send(conversation.socket.get(), ldns_buffer_begin(buffer.get()), ldns_buffer_position(buffer.get()),
           MSG_NOSIGNAL);
  }
}

void receive_all(std::span<const Datagram> datagrams, Conversation& conversation, AnswersOnWire& answers) {
  std::array<std::uint8_t, LDNS_MAX_PACKETLEN> wire;
  while (!conversation.asked.empty()) {
    const ssize_t size = ::recv(conversation.socket.get(), wire.data(), wire.size(), 0);
    if (size < 0) {
      // An ICMP message that nobody is there is the answer to all of them.
      if (errno != EAGAIN && errno != EINTR) conversation.asked.clear();
      return;
    }
    auto answered = decode({wire.data(), static_cast<std::size_t>(size)});
    if (!answered) continue;
    const auto belongs = std::ranges::find_if(conversation.asked, [&](std::size_t index) {
      return ldns_pkt_id(datagrams[index].query.get()) == ldns_pkt_id(answered->packet.get());
    });
    if (belongs == conversation.asked.end()) continue;
    answers[*belongs] = std::move(answered);
    conversation.asked.erase(belongs);
  }
}

using Conversations = std::map<ServerAddress, Conversation>;

Conversations start_conversations(std::span<const Datagram> datagrams) {
  Conversations conversations;
  for (std::size_t i = 0; i < datagrams.size(); ++i) {
    const auto [place, is_new] = conversations.try_emplace(datagrams[i].server);
    if (is_new) place->second.socket = connect_udp(datagrams[i].server);
    if (place->second.socket) place->second.asked.push_back(i);
  }
  for (auto& [server, conversation] : conversations)
    send_all(datagrams, conversation);
  return conversations;
}

}  // namespace

AnswersOnWire ask_over_tcp(const ServerAddress& server, std::span<const Packet> queries,
                           std::chrono::seconds patience) {
  AnswersOnWire answers(queries.size());
  while (!std::ranges::all_of(answers, &std::optional<Answered>::has_value) &&
         ask_in_one_connection(server, queries, patience, answers)) {
  }
  return answers;
}

AnswersOnWire ask_over_udp(std::span<const Datagram> datagrams, std::chrono::milliseconds patience) {
  AnswersOnWire answers(datagrams.size());
  Conversations conversations = start_conversations(datagrams);
  const auto end = steady_clock::now() + patience;
  for (;;) {
    std::erase_if(conversations, [](const auto& entry) { return entry.second.asked.empty(); });
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
    if (conversations.empty() || left.count() <= 0) return answers;
    std::vector<pollfd> readable;
    readable.reserve(conversations.size());
    for (const auto& [server, conversation] : conversations)
      readable.push_back({conversation.socket.get(), POLLIN, 0});
    ::poll(readable.data(), readable.size(), static_cast<int>(left.count()));
    for (auto& [server, conversation] : conversations)
      receive_all(datagrams, conversation, answers);
  }
}

}  // namespace mxcert::dns
