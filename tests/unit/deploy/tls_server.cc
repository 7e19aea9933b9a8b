#include "deploy/tls_server.h"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "pki/openssl.h"

namespace mxcert::test {
namespace {

Fd listen_on_loopback(std::uint16_t& port) {
  Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (!listener || ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener.get(), 50) != 0 ||
      ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen on 127.0.0.1");
  port = ntohs(address.sin_port);
  return listener;
}

/// False when key and certificate do not belong together or are none.
bool use(SSL_CTX& context, const Credentials& credentials) {
  const pki::BioHandle key_bio = pki::bio_over(credentials.private_key);
  const Handle<EVP_PKEY, EVP_PKEY_free> key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  const pki::BioHandle chain_bio = pki::bio_over(credentials.chain);
  bool leaf = true;
  while (const pki::X509Handle x509{PEM_read_bio_X509(chain_bio.get(), nullptr, nullptr, nullptr)}) {
    if ((leaf ? SSL_CTX_use_certificate(&context, x509.get()) : SSL_CTX_add1_chain_cert(&context, x509.get())) != 1)
      return false;
    leaf = false;
  }
  ERR_clear_error();
  if (!key || leaf || SSL_CTX_use_PrivateKey(&context, key.get()) != 1) return false;
  return std::ranges::all_of(credentials.further, [&](const Credentials& further) { return use(context, further); });
}

struct Choice {
  const std::map<std::string, Credentials>& credentials;
  std::string& server_name;
};

int choose(SSL* ssl, int*, void* argument) {
  const auto& choice = *static_cast<Choice*>(argument);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  choice.server_name = name == nullptr ? "" : name;
  const auto found = choice.credentials.find(choice.server_name);
  if (found == choice.credentials.end() || choice.server_name.empty()) return SSL_TLSEXT_ERR_OK;
  const Handle<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_server_method()));
  use(*context, found->second);
  SSL_set_SSL_CTX(ssl, context.get());
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

ServedConnection::ServedConnection(Fd socket) : socket_(std::move(socket)) {
  const timeval limit{.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

ServedConnection::~ServedConnection() = default;

void ServedConnection::send(std::string_view text) {
  if (tls_)
    SSL_write(tls_.get(), text.data(), static_cast<int>(text.size()));
  else
    ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

std::string ServedConnection::read_line() {
  std::string line;
  char c = 0;
  while ((tls_ ? SSL_read(tls_.get(), &c, 1) : static_cast<int>(::recv(socket_.get(), &c, 1, 0))) == 1 && c != '\n')
    if (c != '\r') line += c;
  return line;
}

bool ServedConnection::start_tls(const std::map<std::string, Credentials>& credentials) {
  const Handle<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_min_proto_version(context.get(), version_);
  SSL_CTX_set_max_proto_version(context.get(), version_);
  Choice choice{credentials, server_name_};
  SSL_CTX_set_tlsext_servername_callback(context.get(), choose);
  SSL_CTX_set_tlsext_servername_arg(context.get(), &choice);
  const auto fallback = credentials.find("");
  if (fallback != credentials.end() && !use(*context, fallback->second)) return false;
  tls_.reset(SSL_new(context.get()));
  SSL_set_fd(tls_.get(), socket_.get());
  return SSL_accept(tls_.get()) == 1;
}

TlsServer::TlsServer(std::function<void(ServedConnection&)> serve) : listener_(listen_on_loopback(port_)) {
  ::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this, serve = std::move(serve)] { accept_all(serve); });
}

TlsServer::~TlsServer() {
  stopping_ = true;
  thread_.join();
}

void TlsServer::accept_all(const std::function<void(ServedConnection&)>& serve) {
  while (!stopping_) {
    pollfd wait{listener_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 10) <= 0) continue;
    ServedConnection connection(Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    ++connections_;
    serve(connection);
  }
}

std::uint16_t closed_port() {
  std::uint16_t port = 0;
  listen_on_loopback(port);
  return port;
}

void serve_smtp(ServedConnection& connection, const std::map<std::string, Credentials>& credentials) {
  connection.send("220-mail.example ESMTP\r\n220 ready\r\n");
  connection.read_line();
  connection.send("250-mail.example\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 HELP\r\n");
  if (connection.read_line() != "STARTTLS") return;
  connection.send("220 go ahead\r\n");
  if (connection.start_tls(credentials) && connection.read_line() == "QUIT") connection.send("221 bye\r\n");
}

void serve_smtps(ServedConnection& connection, const std::map<std::string, Credentials>& credentials) {
  if (!connection.start_tls(credentials)) return;
  connection.send("220 mail.example ESMTP\r\n");
  if (connection.read_line() == "QUIT") connection.send("221 bye\r\n");
}

}  // namespace mxcert::test
