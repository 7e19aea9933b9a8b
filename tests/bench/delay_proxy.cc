// delay_proxy LISTEN_PORT TARGET_PORT ROUND_TRIP_MS: a network path with that round trip time to a port of this host.
//
// Bytes are passed on after half a round trip, in each direction and in their order, as many as come. A new connection
// costs a whole round trip before its first bytes count as sent, as TCP's handshake does: the kernel completes the one
// with us at once.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/handle.h"

namespace mxcert::bench {
namespace {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

Time now() {
  return std::chrono::steady_clock::now();
}

sockaddr_in6 any_address(std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  return address;
}

Fd listen_on(std::uint16_t port) {
  Fd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int one = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const sockaddr_in6 address = any_address(port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 1024) != 0)
    throw_system_error(fmt::format("cannot listen on port {}", port));
  return socket;
}

/// Blocks, but not for long: it is on this host.
Fd connect_to(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Fd();
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  return socket;
}

void send_at_once(const Fd& socket) {
  const int one = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/// One direction of a connection.
class Direction {
 public:
  Direction(int from, int to, Time open_at, milliseconds delay)
      : from_(from), to_(to), open_at_(open_at), delay_(delay) {}

  /// Takes in what is there. False when the connection is broken.
  bool take() {
    std::array<char, 65'536> buffer;
    while (!ended_) {
      const ssize_t size = ::recv(from_, buffer.data(), buffer.size(), 0);
      if (size < 0) return would_block();
      ended_ = size == 0;
      chunks_.push_back({std::max(now(), open_at_) + delay_, {buffer.data(), static_cast<std::size_t>(size)}});
    }
    return true;
  }

  /// Passes on what is due. False when the connection is broken.
  bool give() {
    blocked_ = false;
    while (!chunks_.empty() && chunks_.front().due <= now()) {
      std::string& bytes = chunks_.front().bytes;
      if (bytes.empty()) {
        closed_ = true;
        return ::shutdown(to_, SHUT_WR) == 0;
      }
      const ssize_t size = ::send(to_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size < 0) {
        blocked_ = would_block();
        return blocked_;
      }
      bytes.erase(0, static_cast<std::size_t>(size));
      if (bytes.empty()) chunks_.pop_front();
    }
    return true;
  }

  bool wants_input() const { return !ended_; }
  bool wants_output() const { return blocked_; }
  bool closed() const { return closed_; }
  /// When something is to be passed on next.
  std::optional<Time> next() const {
    return chunks_.empty() || blocked_ || closed_ ? std::nullopt : std::optional(chunks_.front().due);
  }

 private:
  struct Chunk {
    Time due;
    std::string bytes;  // none: the end
  };
  int from_;
  int to_;
  Time open_at_;
  milliseconds delay_;
  std::deque<Chunk> chunks_;
  bool ended_ = false;    // nothing more will come in
  bool blocked_ = false;  // the receiver takes no more for now
  bool closed_ = false;   // nothing more will go out
};

class Connection {
 public:
  Connection(const Fd& epoll, Fd client, Fd server, milliseconds round_trip)
      : epoll_(epoll),
        client_(std::move(client)),
        server_(std::move(server)),
        up_(client_.get(), server_.get(), now() + round_trip, round_trip / 2),
        down_(server_.get(), client_.get(), now(), round_trip / 2) {
    send_at_once(client_);
    send_at_once(server_);
    watch(EPOLL_CTL_ADD);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// False when it is over.
  bool move() {
    if (!up_.take() || !down_.take() || !up_.give() || !down_.give()) return false;
    watch(EPOLL_CTL_MOD);
    return !(up_.closed() && down_.closed());
  }

  std::optional<Time> next() const {
    const auto up = up_.next();
    const auto down = down_.next();
    if (up && down) return std::min(*up, *down);
    return up ? up : down;
  }

 private:
  void watch(int operation) {
    watch(operation, client_, up_.wants_input(), down_.wants_output());
    watch(operation, server_, down_.wants_input(), up_.wants_output());
  }
  void watch(int operation, const Fd& socket, bool input, bool output) {
    epoll_event event{};
    event.events = (input ? EPOLLIN : 0U) | (output ? EPOLLOUT : 0U);
    event.data.ptr = this;
    ::epoll_ctl(epoll_.get(), operation, socket.get(), &event);
  }

  const Fd& epoll_;
  Fd client_;
  Fd server_;
  Direction up_;
  Direction down_;
};

class Proxy {
 public:
  Proxy(std::uint16_t port, std::uint16_t target, milliseconds round_trip)
      : target_(target), round_trip_(round_trip), listener_(listen_on(port)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event);
  }

  [[noreturn]] void run() {
    for (;;) {
      wait();
      accept_all();
      // A bench has a few dozen connections: looking at all of them is cheap enough, and cannot miss one.
      std::erase_if(connections_, [](Connection& connection) { return !connection.move(); });
    }
  }

 private:
  void wait() {
    std::optional<Time> next;
    for (const Connection& connection : connections_)
      if (const auto due = connection.next()) next = next ? std::min(*next, *due) : *due;
    timespec timeout{};
    if (next) {
      const auto left = std::max(std::chrono::nanoseconds{0}, std::chrono::nanoseconds(*next - now()));
      timeout.tv_sec = left.count() / 1'000'000'000;
      timeout.tv_nsec = left.count() % 1'000'000'000;
    }
    std::array<epoll_event, 64> events;
    ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), next ? &timeout : nullptr, nullptr);
  }

  void accept_all() {
    for (;;) {
      Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!client) return;
      Fd server = connect_to(target_);
      if (server) connections_.emplace_back(epoll_, std::move(client), std::move(server), round_trip_);
    }
  }

  std::uint16_t target_;
  milliseconds round_trip_;
  Fd listener_;
  Fd epoll_;
  std::list<Connection> connections_;
};

std::uint16_t parse_number(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw ConfigError(fmt::format("{} is not a number up to 65535", text),
                      "usage: delay_proxy LISTEN_PORT TARGET_PORT ROUND_TRIP_MS");
  return value;
}

}  // namespace
}  // namespace mxcert::bench

int main(int argc, char** argv) {
  using mxcert::bench::parse_number;
  try {
    if (argc != 4) throw mxcert::ConfigError("usage: delay_proxy LISTEN_PORT TARGET_PORT ROUND_TRIP_MS");
    const std::chrono::milliseconds round_trip{parse_number(argv[3])};
    mxcert::bench::Proxy(parse_number(argv[1]), parse_number(argv[2]), round_trip).run();
  } catch (const mxcert::Error& error) {
    fmt::print(stderr, "delay_proxy: {}\n", error.message());
    return 1;
  }
}
