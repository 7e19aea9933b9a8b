#include "tls_server.h"

#include <microhttpd.h>
#include <netinet/in.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "pki/key.h"
#include "self_signed.h"

namespace mxcert::test {

struct TlsServer::State {
  std::function<Answer(const std::string&, const std::string&, const std::string&)> handler;
  std::string key;
  std::string certificate;
  std::atomic<unsigned> connections{0};
  std::mutex mutex;
  std::condition_variable ending;
  bool ended = false;
  std::string user_agent;
  MHD_Daemon* daemon = nullptr;

  void note_user_agent(MHD_Connection* connection) {
    const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "User-Agent");
    const std::lock_guard lock(mutex);
    user_agent = value == nullptr ? "" : value;
  }

  void wait_for_end() {
    std::unique_lock lock(mutex);
    ending.wait(lock, [this] { return ended; });
  }
  static MHD_Result answer(void* self, MHD_Connection* connection, const char* url, const char* method, const char*,
                           const char* data, std::size_t* size, void** context) {
    auto& state = *static_cast<State*>(self);
    if (*context == nullptr) {
      *context = new std::string;
      return MHD_YES;
    }
    auto& body = *static_cast<std::string*>(*context);
    if (*size > 0) {
      body.append(data, *size);
      *size = 0;
      return MHD_YES;
    }
    state.note_user_agent(connection);
    const Answer answer = state.handler(method, url, body);
    if (answer.never) state.wait_for_end();
    MHD_Response* response = MHD_create_response_from_buffer(answer.body.size(), const_cast<char*>(answer.body.data()),
                                                             MHD_RESPMEM_MUST_COPY);
    for (const auto& [name, value] : answer.headers)
      MHD_add_response_header(response, name.c_str(), value.c_str());
    const MHD_Result result = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return result;
  }
  static void completed(void*, MHD_Connection*, void** context, MHD_RequestTerminationCode) {
    delete static_cast<std::string*>(*context);
    *context = nullptr;
  }
  static void connected(void* self, MHD_Connection*, void**, MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED) ++static_cast<State*>(self)->connections;
  }
};

TlsServer::TlsServer(const std::string& name,
                     std::function<Answer(const std::string&, const std::string&, const std::string&)> handler)
    : state_(std::make_unique<State>()) {
  const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  state_->handler = std::move(handler);
  state_->key = key.to_pem();
  state_->certificate =
      make_self_signed(key, std::vector<std::string>{name}, std::chrono::system_clock::now() - std::chrono::hours{1},
                       std::chrono::hours{2});
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  state_->daemon = MHD_start_daemon(
      MHD_USE_TLS | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, 0, nullptr, nullptr, State::answer,
      state_.get(), MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_HTTPS_MEM_KEY, state_->key.c_str(),
      MHD_OPTION_HTTPS_MEM_CERT, state_->certificate.c_str(), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      static_cast<std::size_t>(512 * 1024), MHD_OPTION_NOTIFY_COMPLETED, State::completed, state_.get(),
      MHD_OPTION_NOTIFY_CONNECTION, State::connected, state_.get(), MHD_OPTION_END);
  if (state_->daemon == nullptr) throw std::runtime_error("cannot start the TLS server");
}

TlsServer::~TlsServer() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ended = true;
  }
  state_->ending.notify_all();
  MHD_stop_daemon(state_->daemon);
}

std::uint16_t TlsServer::port() const {
  return MHD_get_daemon_info(state_->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}
std::string TlsServer::user_agent() const {
  const std::lock_guard lock(state_->mutex);
  return state_->user_agent;
}
const std::string& TlsServer::certificate() const {
  return state_->certificate;
}
unsigned TlsServer::connections() const {
  return state_->connections;
}

}  // namespace mxcert::test
