#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "acme/transport.h"

namespace mxcert::acme {

struct CurlOptions {
  std::optional<std::filesystem::path> trust = std::nullopt;  // PEM: roots besides the system's
  std::string user_agent = "mxcert/0.1.0";                    // RFC 8555 §6.1 demands one
  std::chrono::milliseconds connect_timeout{15'000};
  std::chrono::milliseconds request_timeout{60'000};  // of one request, connecting and waiting for its turn included
  std::size_t max_body_bytes = 1 << 20;
  std::size_t max_header_bytes = 1 << 16;  // of all headers of an answer
  std::size_t max_connections = 4;         // to a CA that does not speak HTTP/2
  double max_requests_per_second = 0;      // evenly spaced; 0: no ceiling
};

/// HTTPS by libcurl: one HTTP/2 connection for a batch, kept for the next. Certificate and host name are always
/// verified, redirects never followed. For one thread.
class CurlTransport final : public Transport {
 public:
  /// Throws ConfigError when the trust file cannot be read or has no certificate in it.
  CurlTransport(Clock& clock, CurlOptions options);
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  std::vector<Result> perform(std::span<const Request> requests, Deadline deadline) override;

  /// How many requests were sent so far.
  std::size_t requests_sent() const noexcept;

 private:
  class Connections;
  std::unique_ptr<Connections> connections_;
};

}  // namespace mxcert::acme
