#include "solve/tls_alpn_listener.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <csignal>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"
#include "pki/key.h"
#include "pki/openssl.h"
#include "pki/self_signed.h"
#include "solve/awaited.h"
#include "solve/listen_socket.h"

namespace mxcert::solve {
namespace {

using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;
using SslContextHandle = Handle<SSL_CTX, SSL_CTX_free>;
using SslHandle = Handle<SSL, SSL_free>;
using Certificates = std::map<std::string, pki::X509Handle>;

constexpr std::size_t max_tls_connections = 400;
constexpr std::chrono::seconds handshake_time{10};
constexpr std::string_view protocol_list = "\nacme-tls/1";  // RFC 8737 §6.2, with its length before it, as ALPN has it

/// A handshake under way.
struct Connection {
  Fd socket;
  SslHandle ssl;
  SteadyTime end;
  short wanted = POLLIN;
};

pki::X509Handle read_certificate(const std::string& pem) {
  const pki::BioHandle bio = pki::bio_over(pem);
  pki::X509Handle certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) pki::throw_openssl_error("cannot read the certificate for tls-alpn-01");
  return certificate;
}

/// Who offers no protocol at all is no CA; OpenSSL would not ask choose_protocol.
int require_alpn(SSL* ssl, int* alert, void*) noexcept {
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1)
    return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) noexcept {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, size, reinterpret_cast<const unsigned char*>(protocol_list.data()),
                            static_cast<unsigned>(protocol_list.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = selected;
  return SSL_TLSEXT_ERR_OK;
}

std::string asked_name(const SSL& ssl) {
  const char* name = SSL_get_servername(&ssl, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string() : to_lower_ascii(name);
}

}  // namespace

class TlsAlpnListener::Server {
 public:
  explicit Server(const std::vector<ListenAddress>& addresses)
      : sockets_(bind_sockets(addresses)),
        key_(pki::PrivateKey::generate(pki::KeyType::ecdsa_p256)),
        context_(make_context()),
        stop_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!stop_) throw_system_error("cannot create an event descriptor");
    for (const Fd& socket : sockets_)
      addresses_.push_back(bound_address(socket));
    thread_ = std::thread([this] { serve(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
  }

  const std::vector<ListenAddress>& addresses() const noexcept { return addresses_; }

  void set(const std::map<std::string, std::string>& key_authorizations) {
    Certificates certificates;
    std::set<std::string> names;
    for (const auto& [name, key_authorization] : key_authorizations) {
      const auto yesterday = std::chrono::system_clock::now() - 24h;
      certificates[name] =
          read_certificate(pki::make_self_signed(key_, std::vector{name}, yesterday, 7 * 24h, key_authorization));
      names.insert(name);
    }
    const std::lock_guard lock(mutex_);
    certificates_ = std::move(certificates);
    asked_.expect(std::move(names));
  }

  bool wait_until_all_asked(Clock& clock, std::chrono::milliseconds timeout) const {
    return asked_.wait_for_all(clock, timeout);
  }

 private:
  SslContextHandle make_context() {
    SslContextHandle context(SSL_CTX_new(TLS_server_method()));
    if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1)
      pki::throw_openssl_error("cannot set up TLS");
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_client_hello_cb(context.get(), require_alpn, nullptr);
    SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
    SSL_CTX_set_tlsext_servername_callback(context.get(), choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(context.get(), this);
    return context;
  }

  static int choose_certificate(SSL* ssl, int* alert, void* self) noexcept {
    try {
      auto& server = *static_cast<Server*>(self);
      const std::lock_guard lock(server.mutex_);
      const auto found = server.certificates_.find(asked_name(*ssl));
      if (found != server.certificates_.end() && SSL_use_certificate(ssl, found->second.get()) == 1 &&
          SSL_use_PrivateKey(ssl, &server.key_.native()) == 1)
        return SSL_TLSEXT_ERR_OK;
    } catch (...) {  // nothing may be thrown through OpenSSL
    }
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  void serve() noexcept {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);  // OpenSSL writes to who may be gone
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    for (;;) {
      try {
        if (!wait()) return;
        accept_connections();
        advance_connections();
      } catch (...) {  // memory is short: whoever asked may ask again
        connections_.clear();
      }
    }
  }

  /// False when the end has come.
  bool wait() {
    polled_.assign(1, {stop_.get(), POLLIN, 0});
    const bool full = connections_.size() >= max_tls_connections;
    for (const Fd& socket : sockets_)
      polled_.push_back({full ? -1 : socket.get(), POLLIN, 0});
    for (const Connection& connection : connections_)
      polled_.push_back({connection.socket.get(), connection.wanted, 0});
    ::poll(polled_.data(), polled_.size(), connections_.empty() ? -1 : 500);
    return polled_[0].revents == 0;
  }

  void accept_connections() {
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (polled_[1 + i].revents == 0) continue;
      while (connections_.size() < max_tls_connections) {
        Fd socket(::accept4(sockets_[i].get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) break;
        SslHandle ssl(SSL_new(context_.get()));
        if (!ssl || SSL_set_fd(ssl.get(), socket.get()) != 1) continue;
        connections_.push_back(
            {std::move(socket), std::move(ssl), std::chrono::steady_clock::now() + handshake_time, POLLIN});
      }
    }
  }

  void advance_connections() {
    std::erase_if(connections_, [this](Connection& connection) {
      return !advance(connection) || std::chrono::steady_clock::now() > connection.end;
    });
  }

  /// False when the handshake has ended, one way or the other.
  bool advance(Connection& connection) {
    ERR_clear_error();
    const int result = SSL_accept(connection.ssl.get());
    if (result == 1) {
      asked_.note(asked_name(*connection.ssl));
      SSL_shutdown(connection.ssl.get());
      return false;
    }
    const int error = SSL_get_error(connection.ssl.get(), result);
    connection.wanted = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  }

  std::vector<Fd> sockets_;
  std::vector<ListenAddress> addresses_;
  pki::PrivateKey key_;
  SslContextHandle context_;
  Fd stop_;
  Awaited asked_;
  std::mutex mutex_;  // for what follows
  Certificates certificates_;
  // Of the thread alone.
  std::vector<Connection> connections_;
  std::vector<pollfd> polled_;
  std::thread thread_;
};

TlsAlpnListener::TlsAlpnListener(const std::vector<ListenAddress>& addresses)
    : server_(std::make_unique<Server>(addresses)) {
}

TlsAlpnListener::~TlsAlpnListener() = default;

void TlsAlpnListener::set(const std::map<std::string, std::string>& key_authorizations) {
  server_->set(key_authorizations);
}

bool TlsAlpnListener::wait_until_all_asked(Clock& clock, std::chrono::milliseconds timeout) {
  return server_->wait_until_all_asked(clock, timeout);
}

const std::vector<ListenAddress>& TlsAlpnListener::addresses() const noexcept {
  return server_->addresses();
}

}  // namespace mxcert::solve
