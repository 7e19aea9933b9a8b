#pragma once
#include <chrono>
#include <functional>
#include <span>
#include <string>

namespace mxcert::acme {

struct ChallengeToSolve {
  std::string name = {};               // without `*.`
  std::string type = {};               // what Solver::challenge_type said
  std::string token = {};              // base64url, at most 512 characters; empty where the type has none
  std::string key_authorization = {};  // RFC 8555 §8.1; empty without a token
  bool wildcard = false;
};

/// How control over names is shown: each by a challenge of the type that `challenge_type` says. `present` is called
/// once with all challenges of an order and returns when each can be seen by the CA, or throws; `clean_up` is called
/// once afterwards, whatever happened, `present` having thrown included, and must not throw.
struct Solver {
  std::function<std::string(const std::string& name)> challenge_type = {};  // http-01, …; the name as it is ordered
  std::function<void(std::span<const ChallengeToSolve>)> present = {};
  /// Waits at most that long and returns whether the CA has looked at every challenge (RFC 8555 §7.5.1); empty where
  /// there is no way to tell. Throws Interrupted.
  std::function<bool(std::chrono::milliseconds)> wait_until_validated = {};
  std::function<void()> clean_up = {};
};

}  // namespace mxcert::acme
