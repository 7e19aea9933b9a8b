#pragma once
#include <memory>
#include <string>
#include <vector>

#include "acme/solver.h"
#include "app/challenge_part.h"
#include "store/orders.h"

namespace mxcert::app {

struct Context;

/// What shows the CA that the names of one order are ours, each as configured for it. Made before the order is: a port
/// that is taken is found before anything is asked of the CA. What it will leave in files or in the DNS is written down
/// first, so that a later run can take it away if this one cannot.
class Solving {
 public:
  /// For the order of `names` for `certificate`. Throws what make_challenge_part throws.
  Solving(Context& context, std::string certificate, const std::vector<std::string>& names);

  const acme::Solver& solver() const { return solver_; }

 private:
  struct Part {
    config::ChallengeMethod method;
    ChallengePart part;
  };

  const config::ChallengeMethod& method_for(const std::string& name) const;
  std::vector<acme::ChallengeToSolve> challenges_of(const Part& part,
                                                    std::span<const acme::ChallengeToSolve> challenges) const;
  void present(std::span<const acme::ChallengeToSolve> challenges);
  bool wait_until_validated(std::chrono::milliseconds timeout);
  void clean_up();

  Context& context_;
  std::string certificate_;
  std::vector<Part> parts_;
  acme::Solver solver_;
};

/// Takes away what earlier runs, killed or failed, left to meet challenges; what cannot be is a warning, and tried
/// again by the next run.
void clean_up_earlier_challenges(Context& context);

}  // namespace mxcert::app
