#pragma once
#include <memory>

#include "acme/solver.h"
#include "app/challenge_config.h"

namespace mxcert::app {

/// What shows the CA that the names of one order are ours, as configured. Made before the order is: a port that is
/// taken is found before anything is asked of the CA.
class Solving {
 public:
  explicit Solving(const ChallengeConfig& config);

  const acme::Solver& solver() const { return solver_; }

 private:
  std::unique_ptr<solve::Http01Listener> listener_;
  acme::Solver solver_;
};

}  // namespace mxcert::app
