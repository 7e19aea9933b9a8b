#pragma once
#include "mx/plan.h"

namespace mxcert::app {

struct Context;

/// Looks up every mail domain of all sources and plans the certificates of this host; of the plan, what concerns the
/// invocation's arguments, if there are any. Warnings of the plan stay in it.
/// Throws ConfigError when no domain is configured or one of the arguments is none of them; Error when a source of mail
/// domains fails, since nothing may be planned without what it would have said.
mx::Plan make_plan(Context& context);

/// Reports what keeps the plan from being whole: domains about which nothing is known (for `renew` a warning), and the
/// lack of any name that is ours.
void report_gaps(Context& context, const mx::Plan& plan);

}  // namespace mxcert::app
