#include "deploy/tls_probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <system_error>

#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"
#include "base/wait.h"
#include "deploy/starttls.h"
#include "pki/openssl.h"

namespace mxcert::deploy {
namespace {

using ProbeStatus = ProbeResult::Status;
using SslContextHandle = Handle<SSL_CTX, SSL_CTX_free>;
using SslHandle = Handle<SSL, SSL_free>;
constexpr std::size_t max_line_bytes = 2000;           // RFC 5321 §4.5.3.1.5 allows 512, IMAP more
constexpr std::size_t max_received_bytes = 1 << 18;    // in one probe: a long chain and a talkative EHLO fit well
constexpr std::chrono::milliseconds leave_time{2000};  // how long a server may take to greet so that we can say QUIT

/// Ends a probe; probe() makes the result of it.
struct Failure {
  ProbeStatus status;
  std::string reason;
};

std::string system_message(int errno_value) {
  return std::generic_category().message(errno_value);
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

SocketAddress to_socket_address(const Endpoint& endpoint) {
  SocketAddress address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (::inet_pton(AF_INET, endpoint.address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    address.size = sizeof v4;
  } else if (::inet_pton(AF_INET6, endpoint.address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    address.size = sizeof v6;
  } else {
    throw Error(fmt::format("{} is not an IP address", printable(endpoint.address, 100)));
  }
  return address;
}

/// A TCP connection, of which every wait ends at the deadline.
class Connection {
 public:
  Connection(Clock& clock, const Endpoint& endpoint, std::chrono::milliseconds timeout)
      : clock_(clock), deadline_(Deadline::after(clock, timeout)) {
    const SocketAddress address = to_socket_address(endpoint);
    socket_ = Fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket_ && errno == EAFNOSUPPORT) throw Failure{ProbeStatus::unreachable, "this host has no IPv6"};
    if (!socket_) throw_system_error("cannot make a socket");
    connect(address);
  }

  /// What came next; empty when the other side has closed.
  std::string receive() {
    std::array<char, 16384> buffer;
    for (;;) {
      const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        wait_for(POLLIN, "does not answer");
        continue;
      }
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw Failure{ProbeStatus::protocol_error, "breaks the connection: " + system_message(errno)};
      received_ += static_cast<std::size_t>(count);
      if (received_ > max_received_bytes) throw Failure{ProbeStatus::protocol_error, "sends without end"};
      return std::string(buffer.data(), static_cast<std::size_t>(count));
    }
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        wait_for(POLLOUT, "does not take what is sent");
        continue;
      }
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw Failure{ProbeStatus::protocol_error, "breaks the connection: " + system_message(errno)};
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  /// Our end as an address literal (RFC 5321 §4.1.3), to be said in EHLO: a name that is surely right.
  std::string own_literal() const {
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size);
    char text[INET6_ADDRSTRLEN] = {};
    const bool v6 = own.ss_family == AF_INET6;
    ::inet_ntop(own.ss_family,
                v6 ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6&>(own).sin6_addr)
                   : static_cast<const void*>(&reinterpret_cast<sockaddr_in&>(own).sin_addr),
                text, sizeof text);
    return fmt::format("[{}{}]", v6 ? "IPv6:" : "", text);
  }

  /// From now on there is at most this much time left.
  void hurry(std::chrono::milliseconds time) {
    deadline_.at = std::min(deadline_.at, Deadline::after(clock_, time).at);
  }

 private:
  void connect(const SocketAddress& address) {
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0) return;
    if (errno != EINPROGRESS) throw Failure{ProbeStatus::unreachable, "cannot be reached: " + system_message(errno)};
    wait_for(POLLOUT, "does not take the connection");
    int failure = 0;
    socklen_t size = sizeof failure;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure == ECONNREFUSED) throw Failure{ProbeStatus::unreachable, "refuses connections"};
    if (failure != 0) throw Failure{ProbeStatus::unreachable, "cannot be reached: " + system_message(failure)};
  }

  void wait_for(short events, const char* complaint) {
    if (!mxcert::wait_for(clock_, socket_.get(), events, deadline_))
      throw Failure{ProbeStatus::timed_out, std::string(complaint) + " in time"};
  }

  Clock& clock_;
  Deadline deadline_;
  Fd socket_;
  std::size_t received_ = 0;
};

/// Cuts what `receive` brings into lines.
class LineReader {
 public:
  explicit LineReader(std::function<std::string()> receive) : receive_(std::move(receive)) {}

  std::string read_line() {
    for (;;) {
      const auto end = buffer_.find('\n');
      if (end > max_line_bytes && buffer_.size() > max_line_bytes)
        throw Failure{ProbeStatus::protocol_error, "sends a line without end"};
      if (end != std::string::npos) return take_line(end);
      const std::string more = receive_();
      if (more.empty()) throw Failure{ProbeStatus::protocol_error, "closes the connection"};
      buffer_ += more;
    }
  }
  /// Text beyond the last line.
  bool has_rest() const { return !buffer_.empty(); }

 private:
  std::string take_line(std::size_t end) {
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    return line;
  }

  std::function<std::string()> receive_;
  std::string buffer_;
};

/// TLS over a Connection: OpenSSL sees only memory, so that deadlines and limits are those of the Connection.
class TlsStream {
 public:
  TlsStream(Connection& connection, const ProbeOptions& options)
      : connection_(connection), context_(SSL_CTX_new(TLS_client_method())) {
    if (!context_) pki::throw_openssl_error("cannot start TLS");
    // Whatever is presented is to be seen, weak or expired: no verification, no minimum strength.
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_security_level(context_.get(), 0);
    if (options.key_type) take_only(*options.key_type);
    ssl_.reset(SSL_new(context_.get()));
    pki::BioHandle in(BIO_new(BIO_s_mem()));
    pki::BioHandle out(BIO_new(BIO_s_mem()));
    if (!ssl_ || !in || !out) pki::throw_openssl_error("cannot start TLS");
    in_ = in.get();
    out_ = out.get();
    SSL_set_bio(ssl_.get(), in.release(), out.release());
    if (!options.server_name.empty() && SSL_set_tlsext_host_name(ssl_.get(), options.server_name.c_str()) != 1)
      pki::throw_openssl_error("cannot ask for " + printable(options.server_name, 300));
  }

  void handshake() {
    perform(ProbeStatus::handshake_failed, [this] { return SSL_connect(ssl_.get()); });
  }

  std::string receive() {
    std::array<char, 4096> buffer;
    const int count = perform(ProbeStatus::protocol_error,
                              [&] { return SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size())); });
    return std::string(buffer.data(), static_cast<std::size_t>(count));
  }

  void send(std::string_view bytes) {
    perform(ProbeStatus::protocol_error,
            [&] { return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); });
  }

  void close() {
    SSL_shutdown(ssl_.get());
    flush();
  }

  std::vector<pki::Certificate> chain() const {
    std::vector<pki::Certificate> chain;
    const STACK_OF(X509)* presented = SSL_get_peer_cert_chain(ssl_.get());
    const int count = presented == nullptr ? 0 : sk_X509_num(presented);
    chain.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i)
      chain.push_back(pki::parse_certificate_der(pki::to_der<i2d_X509>(*sk_X509_value(presented, i))));
    return chain;
  }
  std::string version() const { return SSL_get_version(ssl_.get()); }

 private:
  /// By what a server chooses among its certificates: in TLS 1.3 the signature algorithms, before that the ciphers too.
  void take_only(pki::KeyFamily family) {
    const bool ecdsa = family == pki::KeyFamily::ecdsa;
    const char* signatures = ecdsa ? "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1"
                                   : "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:"
                                     "RSA+SHA1";
    if (SSL_CTX_set1_sigalgs_list(context_.get(), signatures) != 1 ||
        SSL_CTX_set_cipher_list(context_.get(), ecdsa ? "aECDSA" : "aRSA") != 1)
      pki::throw_openssl_error(fmt::format("cannot offer {} alone", pki::to_string(family)));
  }

  template <typename Operation>
  int perform(ProbeStatus on_failure, Operation operation) {
    for (;;) {
      ERR_clear_error();
      const int outcome = operation();
      const int error = SSL_get_error(ssl_.get(), outcome);
      const std::string reason = error == SSL_ERROR_SSL ? printable(pki::openssl_error(), 200) : std::string();
      flush();
      if (outcome > 0) return outcome;
      if (error == SSL_ERROR_SSL) throw Failure{on_failure, "TLS fails: " + reason};
      if (error != SSL_ERROR_WANT_READ) throw Failure{on_failure, "ends TLS"};
      feed(on_failure);
    }
  }
  void feed(ProbeStatus on_failure) {
    const std::string bytes = receive_or_fail(on_failure);
    if (bytes.empty()) throw Failure{on_failure, "closes the connection during TLS"};
    BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
  }
  /// A connection broken off during the handshake is a failed handshake.
  std::string receive_or_fail(ProbeStatus on_failure) {
    try {
      return connection_.receive();
    } catch (const Failure& failure) {
      if (failure.status != ProbeStatus::protocol_error) throw;
      throw Failure{on_failure, failure.reason + " during TLS"};
    }
  }
  void flush() {
    const std::string bytes = pki::bio_content(*out_);
    if (!bytes.empty()) connection_.send(bytes);
    BIO_reset(out_);
  }

  Connection& connection_;
  SslContextHandle context_;
  SslHandle ssl_;
  BIO* in_ = nullptr;  // both belong to ssl_
  BIO* out_ = nullptr;
};

template <typename Stream>
LineStream lines_over(Stream& stream, LineReader& reader) {
  return {.read_line = [&reader] { return reader.read_line(); },
          .write_line = [&stream](std::string_view line) { stream.send(std::string(line) + "\r\n"); }};
}

/// The plain text before TLS. Throws Failure unless TLS may begin.
void ask_for_tls(Connection& connection, Protocol protocol, ProbeResult& result) {
  LineReader reader([&] { return connection.receive(); });
  const LineStream lines = lines_over(connection, reader);
  const Greeting greeting = read_greeting(protocol, lines);
  result.banner = greeting.text;
  if (!greeting.reason.empty()) throw Failure{ProbeStatus::protocol_error, greeting.reason};
  const StartTlsAnswer answer = start_tls(protocol, lines, connection.own_literal());
  switch (answer.status) {
    case StartTlsAnswer::Status::ready:
      break;
    case StartTlsAnswer::Status::not_offered:
      throw Failure{ProbeStatus::no_starttls, answer.reason};
    case StartTlsAnswer::Status::refused:
      throw Failure{ProbeStatus::handshake_failed, answer.reason};
    case StartTlsAnswer::Status::not_understood:
      throw Failure{ProbeStatus::protocol_error, answer.reason};
  }
  // What came in the clear after the answer must not be taken for something said under TLS (CVE-2011-0411).
  if (reader.has_rest()) throw Failure{ProbeStatus::protocol_error, "sends more after its answer to STARTTLS"};
}

/// Says goodbye, so that the server's log shows no broken connection. What goes wrong here matters to nobody.
void take_leave(Connection& connection, TlsStream& tls, const Endpoint& endpoint, ProbeResult& result) {
  try {
    connection.hurry(leave_time);
    LineReader reader([&] { return tls.receive(); });
    const LineStream lines = lines_over(tls, reader);
    if (endpoint.implicit_tls) result.banner = read_greeting(endpoint.protocol, lines).text;
    const std::string_view word = farewell(endpoint.protocol);
    if (!word.empty()) {
      lines.write_line(word);
      reader.read_line();
    }
    tls.close();
  } catch (const Failure&) {
  }
}

void look(Clock& clock, const Endpoint& endpoint, const ProbeOptions& options, ProbeResult& result) {
  Connection connection(clock, endpoint, options.timeout);
  if (!endpoint.implicit_tls) ask_for_tls(connection, endpoint.protocol, result);
  TlsStream tls(connection, options);
  tls.handshake();
  result.tls_version = tls.version();
  try {
    result.chain = tls.chain();
  } catch (const Error& e) {
    throw Failure{ProbeStatus::handshake_failed, "presents an unusable certificate: " + e.message()};
  }
  if (result.chain.empty()) throw Failure{ProbeStatus::handshake_failed, "presents no certificate"};
  result.status = ProbeStatus::shown;
  take_leave(connection, tls, endpoint, result);
}

}  // namespace

ProbeResult probe(Clock& clock, const Endpoint& endpoint, const ProbeOptions& options) {
  ProbeResult result;
  try {
    look(clock, endpoint, options, result);
  } catch (const Failure& failure) {
    result.chain.clear();
    result.status = failure.status;
    result.reason = failure.reason;
  }
  return result;
}

}  // namespace mxcert::deploy
