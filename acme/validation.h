#pragma once
#include <span>
#include <vector>

#include "acme/issuer.h"

/// The part of an issuance between an order that is pending and one that is not.
namespace mxcert::acme {

/// How long to wait between two looks at an order. The first looks come quickly, since what is waited for takes a CA
/// milliseconds and never the seconds that it puts into Retry-After; from then on its Retry-After is obeyed, unless it
/// makes no sense (more than five minutes: there are CAs that say a day), and otherwise pauses double up to five
/// seconds.
class Pauses {
 public:
  explicit Pauses(std::chrono::milliseconds first = std::chrono::milliseconds{50}) : next_(first) {}
  std::chrono::milliseconds next(std::optional<std::chrono::seconds> retry_after);

 private:
  std::chrono::milliseconds next_;
  int quick_looks_left_ = 2;
};

/// Throws Error saying so when the deadline has passed: the order remains.
void throw_if_late(Clock& clock, const IssueRequest& request, const Order& order);

/// Shows what is needed for the authorizations of `order` that are pending, tells the CA to look, and returns the order
/// once it is not pending any more. Throws IssueFailure for names that cannot be validated at all; what the CA finds is
/// in the order.
Order validate(Client& client, Clock& clock, const Solver& solver, const IssueRequest& request, const Order& order);

/// Throws IssueFailure naming every name that is to blame for `order` being invalid, or Problem when no name is.
/// Authorizations that are still pending are given back to the CA, as far as that can be done quickly.
[[noreturn]] void throw_failure(Client& client, Clock& clock, const IssueRequest& request, const Order& order);

/// Throws IssueFailure when `problem` blames names that were asked for; returns otherwise.
void throw_if_names_blamed(const ProblemDocument& problem, const IssueRequest& request);

}  // namespace mxcert::acme
