#include "config/policy.h"

namespace mxcert::config {

Policy policy_of(const Invocation& invocation, bool stderr_is_terminal) {
  const bool renews = invocation.verb == Verb::renew;
  const bool rolls_back = invocation.verb == Verb::rollback;
  Policy policy{.waits_after_failures = renews,
                .wants_second_sight = renews,
                .brings_back_withdrawn = !renews,
                .tolerates_unknown_names = renews,
                .asks_only_when_due = renews,
                .speaks_only_of_changes = renews,
                .is_quiet = invocation.quiet,
                .is_for_machines = invocation.json,
                .may_drop_names = invocation.drop_names,
                .may_lose_trust = invocation.allow_untrusted || rolls_back,
                .replaces_anything = rolls_back,
                .shows_progress = stderr_is_terminal && !invocation.quiet && !invocation.json};
  if (invocation.prune) policy.prune = renews ? mx::Prune::at_renewal : mx::Prune::now;
  policy.tells_steps = policy.shows_progress || invocation.verbose;
  return policy;
}

}  // namespace mxcert::config
