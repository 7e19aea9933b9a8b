#include "dns/exchange.h"

#include <ldns/ldns.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "base/error.h"
#include "dns/socket_address.h"

namespace mxcert::dns {
namespace {

using Buffer = Handle<ldns_buffer, ldns_buffer_free>;

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

/// A socket that is, or soon will be, connected to the server; none when it cannot be reached from here.
Fd connect_to(const ServerAddress& server, int type) {
  socklen_t size = 0;
  const sockaddr_storage target = to_socket_address(server.address, server.port, size);
  Fd socket(::socket(target.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target), size) != 0 && errno != EINPROGRESS)
    socket.reset();
  return socket;
}

/// A TCP connection. What cannot be sent or received is nobody's fault here, and not told.
class Stream {
 public:
  Stream(const ServerAddress& server, const Patience& patience)
      : patience_(patience), socket_(connect_to(server, SOCK_STREAM)) {
    if (socket_ && !wait_for(POLLOUT, new_deadline())) socket_.reset();
  }

  bool is_open() const { return static_cast<bool>(socket_); }
  /// Whether the last message was waited for in vain, with the connection open.
  bool is_silent() const { return is_silent_; }

  /// As far as the other side takes it: answers to the beginning may be there even so.
  void send(std::span<const std::uint8_t> bytes) {
    const Deadline deadline = new_deadline();
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) bytes = bytes.subspan(static_cast<std::size_t>(sent));
      if (sent < 0 && !may_go_on(POLLOUT, deadline)) return;
    }
  }

  /// The next message (RFC 1035 §4.2.2); empty when none comes any more.
  std::optional<std::vector<std::uint8_t>> receive() {
    is_silent_ = false;
    const Deadline deadline = new_deadline();
    std::array<std::uint8_t, 2> size{};
    if (!fill(size, deadline)) return std::nullopt;
    std::vector<std::uint8_t> message(static_cast<std::size_t>(size[0] << 8 | size[1]));
    if (!fill(message, deadline)) return std::nullopt;
    return message;
  }

 private:
  Deadline new_deadline() const { return Deadline::after(patience_.clock, patience_.time); }

  bool wait_for(short events, Deadline deadline) const {
    return mxcert::wait_for(patience_.clock, socket_.get(), events, deadline, patience_.at_stop);
  }

  /// After a call that failed with errno.
  bool may_go_on(short events, Deadline deadline) {
    if (errno == EINTR) return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (wait_for(events, deadline)) return true;
    is_silent_ = true;
    return false;
  }

  bool fill(std::span<std::uint8_t> bytes, Deadline deadline) {
    while (!bytes.empty()) {
      const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
      if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
      if (count == 0 || (count < 0 && !may_go_on(POLLIN, deadline))) return false;
    }
    return true;
  }

  const Patience& patience_;
  Fd socket_;
  bool is_silent_ = false;
};

/// What one connection brings; false when nothing more is to be hoped for from another.
bool ask_in_one_connection(const ServerAddress& server, std::span<const Packet> queries, const Patience& patience,
                           AnswersOnWire& answers) {
  Stream stream(server, patience);
  if (!stream.is_open()) return false;
  stream.send(encode_unanswered(queries, answers));
  bool any = false;
  for (auto expected = std::ranges::count(answers, false, &std::optional<Answered>::has_value); expected > 0;
       --expected) {
    const auto wire = stream.receive();
    if (!wire) return any && !stream.is_silent();
    if (auto answered = decode(*wire)) any |= place(*std::move(answered), queries, answers);
  }
  return any;
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
    if (is_new) place->second.socket = connect_to(datagrams[i].server, SOCK_DGRAM);
    if (place->second.socket) place->second.asked.push_back(i);
  }
  for (auto& [server, conversation] : conversations)
    send_all(datagrams, conversation);
  return conversations;
}

}  // namespace

AnswersOnWire ask_over_tcp(const ServerAddress& server, std::span<const Packet> queries, const Patience& patience) {
  AnswersOnWire answers(queries.size());
  while (!std::ranges::all_of(answers, &std::optional<Answered>::has_value) &&
         ask_in_one_connection(server, queries, patience, answers)) {
  }
  return answers;
}

AnswersOnWire ask_over_udp(std::span<const Datagram> datagrams, const Patience& patience) {
  AnswersOnWire answers(datagrams.size());
  Conversations conversations = start_conversations(datagrams);
  const Deadline deadline = Deadline::after(patience.clock, patience.time);
  for (;;) {
    std::erase_if(conversations, [](const auto& entry) { return entry.second.asked.empty(); });
    std::vector<pollfd> readable;
    readable.reserve(conversations.size());
    for (const auto& [server, conversation] : conversations)
      readable.push_back({conversation.socket.get(), POLLIN, 0});
    if (readable.empty() || !wait_for_any(patience.clock, readable, deadline, patience.at_stop)) return answers;
    for (auto& [server, conversation] : conversations)
      receive_all(datagrams, conversation, answers);
  }
}

}  // namespace mxcert::dns
