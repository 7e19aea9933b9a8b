#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "solve/listen_address.h"

namespace mxcert::solve {

/// http-01 (RFC 8555 §8.3) without a web server: answers GET and HEAD of /.well-known/acme-challenge/TOKEN for the
/// tokens it was given, with 404 for everything else, from threads of its own. Size, time and number of connections are
/// limited. The sockets are bound when it is constructed, so that a port that is taken is found before anything is
/// asked of a CA, and closed when it is destroyed.
class Http01Listener {
 public:
  /// Throws Error with code `port_in_use` naming the process that has the port, `permission_denied` when a port below
  /// 1024 is not for us, and Error for any other address that cannot be bound, or when none was.
  explicit Http01Listener(const std::vector<ListenAddress>& addresses);
  ~Http01Listener();
  Http01Listener(const Http01Listener&) = delete;
  Http01Listener& operator=(const Http01Listener&) = delete;

  /// Replaces what is answered: token → key authorization. Forgets which were fetched.
  void set(std::map<std::string, std::string> key_authorizations);
  /// Whether each token was fetched at least once; waits at most `timeout` for that. Throws Interrupted.
  bool wait_until_all_fetched(Clock& clock, std::chrono::milliseconds timeout);

  /// What it really listens on, ports that were given as 0 filled in.
  const std::vector<ListenAddress>& addresses() const noexcept;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace mxcert::solve
