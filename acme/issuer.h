#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "acme/client.h"
#include "acme/solver.h"
#include "base/clock.h"

namespace mxcert::acme {

/// For people who watch.
struct Progress {
  enum class Step {
    ordered,     // the order exists; of `total` names
    resumed,     // an order of an earlier run is continued
    authorized,  // `done` of `total` names need no validation any more
    validating,  // `total` challenges are shown and the CA was told to look
    validated,   // the CA has looked at all `total` of them
    finalizing,  // the CSR was sent
    issued,
  };
  Step step = Step::ordered;
  std::size_t done = 0;
  std::size_t total = 0;
};

struct IssueRequest {
  std::vector<std::string> names = {};  // A-labels, lower case, wildcards with `*.`
  std::string csr_der = {};             // for exactly these names
  std::string profile = {};             // empty: the CA's default
  std::string replaces = {};            // RFC 9773 §5; empty: none. An order that is refused for it is made without
  /// An order of an earlier run, made for the same CSR: continued in whatever state it is, unless it is gone, invalid,
  /// expired or for other names; then a new one is made.
  std::optional<std::string> order_url = {};
  /// Called with the URL as soon as a new order exists and before anything else happens: the place to write it down.
  std::function<void(const std::string& order_url)> on_order = {};
  std::function<void(const Progress&)> on_progress = {};
  Deadline deadline = {};
};

struct IssuedCertificate {
  CertificateChain chain = {};
  std::string order_url = {};
  std::string certificate_url = {};
};

/// The CA will not issue, and these names are why: ordered again without them it may.
class IssueFailure : public Error {
 public:
  struct Culprit {
    std::string name = {};  // as it was ordered
    ProblemDocument problem = {};
  };
  IssueFailure(std::string message, std::string hint, std::vector<Culprit> culprits);

  const std::vector<Culprit>& culprits() const noexcept { return culprits_; }

 private:
  std::vector<Culprit> culprits_;
};

/// From names and CSR to the chain: order, authorizations in one batch, `solver` for those that need it, challenges
/// triggered in one batch, then only the order is looked at until it is valid (RFC 8555 §7.1.6, §7.4, §7.5.1).
///
/// Throws IssueFailure where single names are to blame, with all of them, after giving back the authorizations that
/// are still pending; Problem where the CA refuses as a whole; TransportError, Interrupted, and Error for a CA whose
/// answers make no sense, or when the deadline passes: then the order remains and can be resumed. `solver.clean_up` has
/// been called in any case where `present` was. The client has an account.
///
/// The first look at the order is when the CA has looked at the challenges, if the solver can tell, and not after a
/// fixed time. A challenge that is pending again, with an error, has failed: Boulder makes it invalid, but smallstep
/// (and so Caddy) waits to be asked once more, for ever. So the authorizations of an order that stays pending are
/// looked at too, more and more seldom.
IssuedCertificate issue(Client& client, Clock& clock, const Solver& solver, const IssueRequest& request);

/// Whether an order that ended with `error` is not worth another look: the CA answered, and would say the same again.
/// False when it could not be reached, was too busy, or has not finished; and for what is no answer of the CA's.
bool is_final(const Error& error);

}  // namespace mxcert::acme
