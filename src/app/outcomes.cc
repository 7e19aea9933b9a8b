#include "app/outcomes.h"

#include <algorithm>

#include "app/context.h"

namespace mxcert::app {

void print_outcomes(const Context& context) {
  const auto& outcomes = context.report.outcomes();
  const bool always = !context.policy.speaks_only_of_changes;
  const bool something = std::ranges::any_of(outcomes, [](const report::CertificateOutcome& outcome) {
    return outcome.result != report::CertificateOutcome::Result::unchanged &&
           outcome.result != report::CertificateOutcome::Result::waiting;
  });
  if (context.invocation.json) {
    if (always || something || context.report.failed()) report::write_result(to_json(context.report));
  } else if (!context.invocation.quiet && (always || something)) {
    report::write_result(to_text(context.report, context.clock.now()));
  }
}

}  // namespace mxcert::app
