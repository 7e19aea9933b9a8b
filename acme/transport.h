#pragma once
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace mxcert::acme {

enum class Method { get, head, post };

struct Request {
  Method method = Method::get;
  std::string url = {};     // https
  std::string body = {};    // of a POST: application/jose+json
  std::string accept = {};  // media type wanted; empty: any
};

/// An answer of any status, with the headers that ACME speaks of; a header that was not there is empty.
struct Response {
  int status = 0;
  std::string content_type = {};
  std::string replay_nonce = {};
  std::string location = {};
  std::string retry_after = {};
  std::string date = {};
  std::vector<std::string> links = {};  // one for each Link header
  std::string body = {};
};

/// No answer: the message says at which step, the hint what to look at.
class TransportError : public Error {
 public:
  enum class Kind {
    unreachable,  // no address, refused, no route
    not_trusted,  // TLS: certificate or host name
    timeout,
    broken,   // the connection ended early, or what came was not HTTP
    refused,  // by us: too large, not https
  };
  TransportError(Kind kind, std::string message, std::string hint = {});

  Kind kind() const noexcept { return kind_; }
  /// Whether the same request may well succeed a moment later.
  bool is_temporary() const noexcept { return kind_ == Kind::unreachable || kind_ == Kind::broken; }

 private:
  Kind kind_;
};

using Result = std::variant<Response, TransportError>;

/// Seam: how requests reach the CA.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Performs all requests concurrently and returns when each is answered or has failed, at `deadline` at the latest.
  /// One result for each request, in the same order. Throws Interrupted when a stop is asked for, and else nothing.
  virtual std::vector<Result> perform(std::span<const Request> requests, Deadline deadline) = 0;
};

}  // namespace mxcert::acme
