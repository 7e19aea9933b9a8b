#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "acme/messages.h"
#include "base/error.h"

namespace mxcert::acme {

/// The CA said no: `rejected by the CA: <detail> (<type>)`, the hint for the common types.
class Problem : public Error {
 public:
  explicit Problem(ProblemDocument document, std::optional<std::chrono::seconds> retry_after = std::nullopt);

  const ProblemDocument& document() const noexcept { return document_; }
  /// When the CA wants to be asked again, from the moment it answered; empty when it did not say.
  std::optional<std::chrono::seconds> retry_after() const noexcept { return retry_after_; }
  bool is(std::string_view name) const { return document_.is(name); }

 private:
  ProblemDocument document_;
  std::optional<std::chrono::seconds> retry_after_;
};

/// `<detail> (<type>)`, each subproblem with its name after it.
std::string describe(const ProblemDocument& problem);
/// What the administrator can do about a request that was refused; empty when there is nothing to say.
std::string hint_for_request(const ProblemDocument& problem);
/// The same for a name that could not be validated.
std::string hint_for_validation(const ProblemDocument& problem);

}  // namespace mxcert::acme
