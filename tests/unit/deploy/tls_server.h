#pragma once
#include <openssl/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/handle.h"

extern "C" void SSL_free(SSL* ssl);

namespace mxcert::test {

/// What a server proves itself with, as PEM.
struct Credentials {
  std::string private_key;
  std::string chain;
  std::vector<Credentials> further = {};  // with keys of other types
};

/// One connection, seen from the server: blocking, a read gives up after five seconds. Errors end the connection
/// silently.
class ServedConnection {
 public:
  explicit ServedConnection(Fd socket);
  ~ServedConnection();
  void send(std::string_view text);
  /// Without CRLF; empty when the client has gone.
  std::string read_line();
  /// A handshake with the credentials of the name the client asks for, or those of "". False when it fails.
  bool start_tls(const std::map<std::string, Credentials>& credentials);
  /// The only version of TLS that is spoken.
  void set_version(int version) { version_ = version; }
  /// The name the client asked for; empty without SNI.
  const std::string& server_name() const { return server_name_; }

 private:
  Fd socket_;
  Handle<SSL, SSL_free> tls_;
  std::string server_name_;
  int version_ = 0;  // 0: any
};

/// Serves connections to a port of 127.0.0.1, one after another, in a thread, until it goes.
class TlsServer {
 public:
  explicit TlsServer(std::function<void(ServedConnection&)> serve);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;
  std::uint16_t port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void accept_all(const std::function<void(ServedConnection&)>& serve);

  std::uint16_t port_ = 0;
  Fd listener_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

/// A port of 127.0.0.1 that nothing listens on.
std::uint16_t closed_port();

/// As an SMTP server speaks up to STARTTLS, and after it until QUIT.
void serve_smtp(ServedConnection& connection, const std::map<std::string, Credentials>& credentials);
/// As an SMTP server on port 465 does.
void serve_smtps(ServedConnection& connection, const std::map<std::string, Credentials>& credentials);

}  // namespace mxcert::test
