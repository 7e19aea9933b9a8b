#include "solve/http01_listener.h"

#include <fmt/format.h>
#include <microhttpd.h>

#include <mutex>
#include <optional>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/handle.h"
#include "solve/awaited.h"
#include "solve/listen_socket.h"

namespace mxcert::solve {
namespace {

using DaemonHandle = Handle<MHD_Daemon, MHD_stop_daemon>;
using ResponseHandle = Handle<MHD_Response, MHD_destroy_response>;

constexpr std::string_view challenge_path = "/.well-known/acme-challenge/";
constexpr unsigned max_http_connections = 400;           // of each address
constexpr unsigned max_connections_of_one_client = 200;  // a CA may well ask for all names of an order at once
constexpr std::size_t max_request_bytes = 8192;
constexpr unsigned idle_seconds = 10;

}  // namespace

/// What the threads of the daemons and ours share is behind `mutex_`.
class Http01Listener::Server {
 public:
  explicit Server(const std::vector<ListenAddress>& addresses) {
    for (Fd& socket : bind_sockets(addresses))
      start(std::move(socket));
  }

  const std::vector<ListenAddress>& addresses() const noexcept { return addresses_; }

  void set(std::map<std::string, std::string> key_authorizations) {
    const std::lock_guard lock(mutex_);
    key_authorizations_ = std::move(key_authorizations);
    std::set<std::string> tokens;
    for (const auto& [token, key_authorization] : key_authorizations_)
      tokens.insert(token);
    fetched_.expect(std::move(tokens));
  }

  bool wait_until_all_fetched(Clock& clock, std::chrono::milliseconds timeout) const {
    return fetched_.wait_for_all(clock, timeout);
  }

 private:
  void start(Fd socket) {
    addresses_.push_back(bound_address(socket));
    // The daemon closes the socket, also when it cannot be started.
    daemons_.emplace_back(MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD, 0, nullptr, nullptr, answer, this, MHD_OPTION_LISTEN_SOCKET, socket.release(),
        MHD_OPTION_CONNECTION_LIMIT, max_http_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        max_connections_of_one_client, MHD_OPTION_CONNECTION_MEMORY_LIMIT, max_request_bytes,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds, MHD_OPTION_NOTIFY_COMPLETED, on_completed, this, MHD_OPTION_END));
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
    if (token && outcome == MHD_REQUEST_TERMINATED_COMPLETED_OK) static_cast<Server*>(self)->fetched_.note(*token);
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

  Awaited fetched_;
  mutable std::mutex mutex_;  // for what follows
  std::map<std::string, std::string> key_authorizations_;
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

bool Http01Listener::wait_until_all_fetched(Clock& clock, std::chrono::milliseconds timeout) {
  return server_->wait_until_all_fetched(clock, timeout);
}

const std::vector<ListenAddress>& Http01Listener::addresses() const noexcept {
  return server_->addresses();
}

}  // namespace mxcert::solve
