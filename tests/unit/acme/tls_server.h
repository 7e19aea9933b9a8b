#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace mxcert::test {

/// An HTTPS server on loopback with a certificate of its own making for `name`.
class TlsServer {
 public:
  struct Answer {
    unsigned status = 200;
    std::map<std::string, std::string> headers = {};
    std::string body = {};
    bool never = false;  // is not given before the server ends
  };
  explicit TlsServer(
      const std::string& name,
      std::function<Answer(const std::string& method, const std::string& path, const std::string& body)> handler);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::uint16_t port() const;
  /// To be trusted, in PEM.
  const std::string& certificate() const;
  unsigned connections() const;
  /// Of the last request; empty when it did not say.
  std::string user_agent() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mxcert::test
