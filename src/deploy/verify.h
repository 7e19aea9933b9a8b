#pragma once
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "deploy/endpoint.h"
#include "deploy/tls_probe.h"
#include "pki/certificate.h"

namespace mxcert::deploy {

/// A handshake to be made: `server_name` empty means without SNI, as most senders do.
struct Check {
  Endpoint endpoint;
  std::string server_name = {};
};

/// What one handshake showed.
struct Observation {
  Check check;
  ProbeResult result = {};
};

/// `192.0.2.1:25 without SNI`.
std::string to_string(const Check& check);
/// What was seen, for people: `shows mx.example.com, valid until 2026-12-01T…, sha256 1a2b…`, `refuses connections`.
std::string describe_result(const ProbeResult& result);

/// Which handshakes prove that `endpoints` serve a certificate for `names`: each endpoint without SNI and with the
/// first name, and at the first address of each port up to five names, the first and the last among them. (All names
/// are in one certificate: what differs is whether a daemon picks another one for a name.)
std::vector<Check> plan_checks(std::span<const Endpoint> endpoints, std::span<const std::string> names);

/// Makes them, a few at a time, each within `timeout`; results in the order of `checks`. Throws Interrupted.
std::vector<Observation> observe(Clock& clock, std::span<const Check> checks, std::chrono::milliseconds timeout);

/// Observes again and again, only what is not yet `good`, until `done` with all of it or `patience` is over; the latest
/// observations, in the order of `checks`.
std::vector<Observation> observe_until(Clock& clock, std::span<const Check> checks, std::chrono::milliseconds timeout,
                                       std::chrono::milliseconds patience,
                                       const std::function<bool(const Observation&)>& good,
                                       const std::function<bool(std::span<const Observation>)>& done);

/// Empty when `observation` shows `chain`, leaf first, whole, and the leaf covers the name asked for; else what is
/// wrong.
std::string find_fault(const Observation& observation, std::span<const pki::Certificate> chain);

}  // namespace mxcert::deploy
