#include "solve/http01_listener.h"

#include <fmt/format.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/handle.h"
#include "base/stop.h"
#include "base/text.h"
#include "solve/port_owner.h"

namespace mxcert::solve {
namespace {

using DaemonHandle = Handle<MHD_Daemon, MHD_stop_daemon>;
using ResponseHandle = Handle<MHD_Response, MHD_destroy_response>;

constexpr std::string_view challenge_path = "/.well-known/acme-challenge/";
constexpr unsigned max_connections = 400;                // of each address
constexpr unsigned max_connections_of_one_client = 200;  // a CA may well ask for all names of an order at once
constexpr std::size_t max_request_bytes = 8192;
constexpr unsigned idle_seconds = 10;
constexpr int backlog = 511;

[[noreturn]] void throw_bind_error(int error, const ListenAddress& address) {
  const std::string what = fmt::format("cannot listen on {}", to_string(address));
  if (error == EADDRINUSE) {
    const auto owner = find_port_owner(address);
    if (!owner)
      throw Error(what + ": already in use by another process",
                  fmt::format("`ss -ltnp sport = :{}` as root shows which one", address.port), "port_in_use");
    throw Error(
        fmt::format("{}: already in use by {} (pid {})", what, owner->program, owner->pid),
        fmt::format("stop {} for the time being, or say in [challenge] listen which address is free", owner->program),
        "port_in_use");
  }
  if (error == EACCES)
    throw Error(what + ": not permitted", "run as root, or grant the capability CAP_NET_BIND_SERVICE",
                "permission_denied");
  throw_system_error(error, what, "check that this machine has the address");
}

bool is_missing_family(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

bool set_flag(int descriptor, int level, int option) {
  const int one = 1;
  return ::setsockopt(descriptor, level, option, &one, sizeof one) == 0;
}

/// Bound and listening; empty when the address is optional and its family is missing.
Fd bind_socket(const ListenAddress& address) {
  const SocketAddress target = to_socket_address(address);
  const int family = target.storage.ss_family;
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool ready = socket && set_flag(socket.get(), SOL_SOCKET, SO_REUSEADDR) &&
                     (family != AF_INET6 || set_flag(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY)) &&
                     ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&target.storage), target.size) == 0 &&
                     ::listen(socket.get(), backlog) == 0;
  if (ready) return socket;
  const int error = errno;
  if (address.optional && is_missing_family(error)) return Fd();
  throw_bind_error(error, address);
}

ListenAddress bound_address(const Fd& socket) {
  SocketAddress address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.size);
  return from_socket_address(address);
}

}  // namespace

/// What the threads of the daemons and ours share is behind `mutex_`.
class Http01Listener::Server {
 public:
  explicit Server(const std::vector<ListenAddress>& addresses)
      : all_fetched_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!all_fetched_) throw_system_error("cannot create an event descriptor");
    std::vector<Fd> sockets;
    for (const ListenAddress& address : addresses)
      if (Fd socket = bind_socket(address)) sockets.push_back(std::move(socket));
    if (sockets.empty()) throw Error("no address to listen on", "check [challenge] listen");
    for (Fd& socket : sockets)
      start(std::move(socket));
    set({});
  }

  const std::vector<ListenAddress>& addresses() const noexcept { return addresses_; }

  void set(std::map<std::string, std::string> key_authorizations) {
    const std::lock_guard lock(mutex_);
    key_authorizations_ = std::move(key_authorizations);
    unfetched_.clear();
    for (const auto& [token, key_authorization] : key_authorizations_)
      unfetched_.insert(token);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto forgotten = ::read(all_fetched_.get(), &count, sizeof count);
    if (unfetched_.empty()) signal_all_fetched();
  }

  bool wait_until_all_fetched(std::chrono::milliseconds timeout) const {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
      throw_if_stopped();
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      std::array<pollfd, 2> events{pollfd{all_fetched_.get(), POLLIN, 0}, pollfd{stop_fd(), POLLIN, 0}};
      const auto wait = std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 60'000);
      ::poll(events.data(), events.size(), static_cast<int>(wait));
      if ((events[0].revents & POLLIN) != 0) return true;
      if (left <= left.zero()) return false;
    }
  }

 private:
  void start(Fd socket) {
    addresses_.push_back(bound_address(socket));
    // The daemon closes the socket, also when it cannot be started.
    daemons_.emplace_back(MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD, 0, nullptr, nullptr, answer, this, MHD_OPTION_LISTEN_SOCKET, socket.release(),
        MHD_OPTION_CONNECTION_LIMIT, max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, max_connections_of_one_client,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, max_request_bytes, MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, this, MHD_OPTION_END));
    if (!daemons_.back()) throw Error(fmt::format("cannot start the listener on {}", to_string(addresses_.back())));
  }

  /// In a thread of a daemon. `context` is ours to set, and comes back in on_completed.
  static MHD_Result answer(void* self, MHD_Connection* connection, const char* url, const char* method, const char*,
                           const char*, std::size_t*, void** context) noexcept {
    try {
      auto& server = *static_cast<Server*>(self);
      const bool is_get = method == std::string_view(MHD_HTTP_METHOD_GET);
      if (!is_get && method != std::string_view(MHD_HTTP_METHOD_HEAD)) return send(*connection, MHD_HTTP_NOT_FOUND, "");
      const std::string token = token_of(url);
      const auto key_authorization = server.find(token);
      if (!key_authorization) return send(*connection, MHD_HTTP_NOT_FOUND, "");
      if (is_get) *context = std::make_unique<std::string>(token).release();
      return send(*connection, MHD_HTTP_OK, *key_authorization);
    } catch (...) {
      return MHD_NO;  // closes the connection
    }
  }

  /// When the answer has gone out, and not before: the CA has what it came for.
  static void on_completed(void* self, MHD_Connection*, void** context, MHD_RequestTerminationCode outcome) noexcept {
    const std::unique_ptr<std::string> token(static_cast<std::string*>(*context));
    *context = nullptr;
    if (token && outcome == MHD_REQUEST_TERMINATED_COMPLETED_OK) static_cast<Server*>(self)->note_fetched(*token);
  }

  static std::string token_of(std::string_view url) {
    return url.starts_with(challenge_path) ? std::string(url.substr(challenge_path.size())) : std::string();
  }

  static MHD_Result send(MHD_Connection& connection, unsigned status, const std::string& body) {
    const ResponseHandle response(
        MHD_create_response_from_buffer(body.size(), const_cast<char*>(body.data()), MHD_RESPMEM_MUST_COPY));
    if (!response) return MHD_NO;
    MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_OK)
      MHD_add_response_header(response.get(), MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
    return MHD_queue_response(&connection, status, response.get());
  }

  std::optional<std::string> find(const std::string& token) const {
    const std::lock_guard lock(mutex_);
    const auto found = key_authorizations_.find(token);
    if (found == key_authorizations_.end()) return std::nullopt;
    return found->second;
  }

  void note_fetched(const std::string& token) {
    const std::lock_guard lock(mutex_);
    if (unfetched_.erase(token) > 0 && unfetched_.empty()) signal_all_fetched();
  }

  void signal_all_fetched() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(all_fetched_.get(), &one, sizeof one);
  }

  Fd all_fetched_;  // readable once every token was fetched
  mutable std::mutex mutex_;
  std::map<std::string, std::string> key_authorizations_;
  std::set<std::string> unfetched_;
  std::vector<ListenAddress> addresses_;
  std::vector<DaemonHandle> daemons_;  // the last member: their threads use the others until they have ended
};

Http01Listener::Http01Listener(const std::vector<ListenAddress>& addresses)
    : server_(std::make_unique<Server>(addresses)) {
}

Http01Listener::~Http01Listener() = default;

void Http01Listener::set(std::map<std::string, std::string> key_authorizations) {
  server_->set(std::move(key_authorizations));
}

bool Http01Listener::wait_until_all_fetched(std::chrono::milliseconds timeout) {
  return server_->wait_until_all_fetched(timeout);
}

const std::vector<ListenAddress>& Http01Listener::addresses() const noexcept {
  return server_->addresses();
}

}  // namespace mxcert::solve
