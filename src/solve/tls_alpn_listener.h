#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "solve/listen_address.h"

namespace mxcert::solve {

/// tls-alpn-01 (RFC 8737): completes the handshake of who offers the protocol acme-tls/1 and asks for one of the names
/// it was given, with a certificate made for that, and then closes; everybody else gets an alert. One thread; time and
/// number of connections are limited. Sockets are bound when it is constructed and closed when it is destroyed.
class TlsAlpnListener {
 public:
  /// Throws what bind_sockets throws.
  explicit TlsAlpnListener(const std::vector<ListenAddress>& addresses);
  ~TlsAlpnListener();
  TlsAlpnListener(const TlsAlpnListener&) = delete;
  TlsAlpnListener& operator=(const TlsAlpnListener&) = delete;

  /// Replaces what is answered: name (lower case) → key authorization. Forgets which were asked for.
  void set(const std::map<std::string, std::string>& key_authorizations);
  /// Whether each name was asked for at least once; waits at most `timeout` for that. Throws Interrupted.
  bool wait_until_all_asked(Clock& clock, std::chrono::milliseconds timeout);

  /// What it really listens on, ports that were given as 0 filled in.
  const std::vector<ListenAddress>& addresses() const noexcept;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace mxcert::solve
