#include "app/solving.h"

#include <map>

namespace mxcert::app {
namespace {

/// acme's solver on our own listener.
acme::Solver make_http01_solver(solve::Http01Listener& listener) {
  return {.challenge_type = "http-01",
          .present =
              [&listener](std::span<const acme::ChallengeToSolve> challenges) {
                std::map<std::string, std::string> answers;
                for (const acme::ChallengeToSolve& challenge : challenges)
                  answers[challenge.token] = challenge.key_authorization;
                listener.set(std::move(answers));
              },
          .wait_until_validated =
              [&listener](std::chrono::milliseconds timeout) { return listener.wait_until_all_fetched(timeout); },
          .clean_up = [&listener] { listener.set({}); }};
}

}  // namespace

Solving::Solving(const ChallengeConfig& config)
    : listener_(
          std::make_unique<solve::Http01Listener>(config.listen.empty() ? solve::all_addresses() : config.listen)),
      solver_(make_http01_solver(*listener_)) {
}

}  // namespace mxcert::app
