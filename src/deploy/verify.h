#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "deploy/delivery.h"
#include "deploy/description.h"
#include "deploy/endpoint.h"
#include "deploy/tls_probe.h"
#include "pki/certificate.h"

namespace mxcert::deploy {

/// A handshake to be made.
struct Check {
  Endpoint endpoint;
  std::string server_name = {};                 // empty: without SNI, as most senders do
  std::optional<pki::KeyFamily> key_type = {};  // the only kind of signature the client takes; empty: any

  bool operator==(const Check&) const = default;
};

/// What one handshake showed.
struct Observation {
  Check check;
  ProbeResult result = {};
};

/// `192.0.2.1:25 without SNI`, `192.0.2.1:25 with SNI mx.example.com, only rsa`.
std::string to_string(const Check& check);
/// What was seen, for people: `shows mx.example.com, valid until 2026-12-01T…, sha256 1a2b…`, `refuses connections`.
std::string describe_result(const ProbeResult& result);

/// What has to be shown for one of a certificate's keys.
struct ExpectedChain {
  std::optional<pki::KeyFamily> key_type = {};  // of the client that has to see it; empty: any
  std::vector<pki::Certificate> chain = {};     // leaf first
};

/// What handshakes have to prove of a delivery: a reload that succeeded proves nothing.
struct Expectation {
  std::vector<std::string> names;
  Role role = Role::default_certificate;
  std::vector<ExpectedChain> chains;  // at least one
};

/// What proves `delivery` where the daemon has `files`: a chain for each key that they are for. Of a certificate with
/// one key, and of one whose first key alone is used, any client has to see it.
Expectation expect_chains(const Delivery& delivery, std::span<const DaemonFile> files);

/// Which handshakes prove that `endpoints` meet `expectation`, for each key: each endpoint without SNI and with the
/// first name, and at the first address of each port up to five names, the first and the last among them. (All names
/// are in one certificate: what differs is whether a daemon picks another one for a name.)
std::vector<Check> plan_checks(std::span<const Endpoint> endpoints, const Expectation& expectation);

/// Makes them, a few at a time, each within `timeout`; results in the order of `checks`. Throws Interrupted.
std::vector<Observation> observe(Clock& clock, std::span<const Check> checks, std::chrono::milliseconds timeout);

/// Observes again and again, only what is not yet `good`, until `done` with all of it or `patience` is over; the latest
/// observations, in the order of `checks`. What is done with piece by piece is looked at once more as a whole: of
/// several processes of a daemon, some may have the old certificate still.
std::vector<Observation> observe_until(Clock& clock, std::span<const Check> checks, std::chrono::milliseconds timeout,
                                       std::chrono::milliseconds patience,
                                       const std::function<bool(const Observation&)>& good,
                                       const std::function<bool(std::span<const Observation>)>& done);

/// Empty when `observation` shows what is expected for its key type, leaf first, whole, and the leaf covers the name
/// asked for; else what is wrong.
std::string find_fault(const Observation& observation, const Expectation& expectation);

}  // namespace mxcert::deploy
