#pragma once
#include "config/invocation.h"
#include "mx/plan.h"

namespace mxcert::config {

/// What a run does and leaves, derived once from the command line: nothing that acts on it asks which command it is.
struct Policy {
  /// What failed is left alone for a while, names that the CA refused and what was replaced often today as well; a CA
  /// that is down is given until the next run.
  bool waits_after_failures = false;
  bool wants_second_sight = false;       // a new name replaces no certificate before two plans have wanted it
  bool brings_back_withdrawn = true;     // also where the administrator took a certificate away
  bool tolerates_unknown_names = false;  // what the DNS does not answer is a warning
  bool asks_only_when_due = false;       // no question that only somebody who looks would want answered
  bool speaks_only_of_changes = false;   // cron hears nothing when all is well
  bool is_quiet = false;                 // errors alone
  bool is_for_machines = false;          // the result is one JSON document
  mx::Prune prune = mx::Prune::no;
  bool may_drop_names = false;     // that others have served here
  bool may_lose_trust = false;     // what this host trusts may be replaced by what it does not trust
  bool replaces_anything = false;  // by a placeholder: whatever is served
  bool shows_progress = false;     // to who watches a terminal and did not ask for silence or JSON
  bool tells_steps = false;        // worth a line each
};

Policy policy_of(const Invocation& invocation, bool stderr_is_terminal);

}  // namespace mxcert::config
