#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "deploy/endpoint.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace mxcert::deploy {

/// What a TLS client was shown by a server. Whether to trust it is decided elsewhere.
struct ProbeResult {
  enum class Status {
    shown,             // the handshake succeeded: `chain` is what was presented
    unreachable,       // nothing listens there, or no route
    timed_out,         // connected or not, it took too long
    no_starttls,       // it speaks the protocol but does not offer STARTTLS
    protocol_error,    // what it says is not the protocol, or it breaks off
    handshake_failed,  // TLS began and failed: for a server, as good as no certificate
  };
  Status status = Status::unreachable;
  std::vector<pki::Certificate> chain = {};  // as sent, leaf first
  std::string tls_version = {};              // `TLSv1.3`
  std::string banner = {};                   // its greeting, printable, for people
  std::string reason = {};                   // why not `shown`, printable

  bool shown() const { return status == Status::shown; }
};

/// How a client comes. One that takes a single kind of signature (in the signature algorithms of TLS 1.3, in the
/// ciphers before it) sees what each of a server's keys is worth.
struct ProbeOptions {
  std::string server_name = {};                 // said as SNI (RFC 6066 §3) unless empty
  std::optional<pki::KeyFamily> key_type = {};  // the only kind of signature it takes; empty: any
  std::chrono::milliseconds timeout{10'000};    // for all of it
};

/// Connects to `endpoint` by address, speaks its protocol up to STARTTLS (RFC 3207, RFC 9051 §6.2.1, RFC 2595 §4, RFC
/// 5804 §2.2) or begins TLS at once, and takes leave.
///
/// Never throws for what the other side does; what it sends is limited in size and time. Throws
/// Interrupted, and Error when this machine cannot make a socket.
ProbeResult probe(Clock& clock, const Endpoint& endpoint, const ProbeOptions& options);

}  // namespace mxcert::deploy
