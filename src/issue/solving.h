#pragma once
#include <memory>
#include <string>
#include <vector>

#include "acme/solver.h"
#include "solve/challenge_part.h"

namespace mxcert::issue {

struct Run;

/// What shows the CA that the names of one order are ours, each as configured for it. Made before the order is: a port
/// that is taken is found before anything is asked of the CA. What it will leave in files or in the DNS is written down
/// first, so that a later run can take it away if this one cannot.
class Solving {
 public:
  /// For the order of `names` for `certificate`. Throws what solve::make_challenge_part throws.
  Solving(Run& run, std::string certificate, const std::vector<std::string>& names);

  const acme::Solver& solver() const { return solver_; }

 private:
  struct Part {
    solve::ChallengeMethod method;
    solve::ChallengePart part;
  };

  const solve::ChallengeMethod& method_for(const std::string& name) const;
  std::vector<solve::Challenge> challenges_of(const Part& part,
                                              std::span<const acme::ChallengeToSolve> challenges) const;
  void present(std::span<const acme::ChallengeToSolve> challenges);
  bool wait_until_validated(std::chrono::milliseconds timeout);
  void clean_up();

  Run& run_;
  std::string certificate_;
  std::vector<Part> parts_;
  acme::Solver solver_;
};

/// Takes away what earlier runs, killed or failed, left to meet challenges; what cannot be is a warning, and tried
/// again by the next run.
void clean_up_earlier_challenges(Run& run);

}  // namespace mxcert::issue
