#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "deploy/endpoint.h"

namespace mxcert::deploy {

/// The two directions of a connection in plain text, as a conversation needs them.
struct LineStream {
  std::function<std::string()> read_line;                 // without CRLF; throws what it likes when there is none
  std::function<void(std::string_view line)> write_line;  // CRLF is added
};

/// What became of asking for TLS.
struct StartTlsAnswer {
  enum class Status {
    ready,
    not_offered,     // the server has no STARTTLS
    refused,         // it offers STARTTLS and then says no: as good as a failed handshake
    not_understood,  // it does not speak the protocol
  };
  Status status = Status::ready;
  std::string reason = {};  // why not ready, printable
};

/// What a server says first.
struct Greeting {
  std::string text = {};    // printable
  std::string reason = {};  // what came instead of a greeting, printable; empty when it was one
};
Greeting read_greeting(Protocol protocol, const LineStream& stream);

/// After the greeting: asks until the server says that TLS may begin. `own_name` is said in EHLO.
/// RFC 3207 §4, RFC 9051 §6.2.1, RFC 2595 §4, RFC 5804 §2.2. A reply has at most 100 lines.
StartTlsAnswer start_tls(Protocol protocol, const LineStream& stream, const std::string& own_name);

/// What a client says to end politely; empty for a protocol that has no such word.
std::string_view farewell(Protocol protocol);

}  // namespace mxcert::deploy
