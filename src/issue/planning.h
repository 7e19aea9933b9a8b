#pragma once
#include <span>
#include <string>

#include "mx/plan.h"
#include "report/report.h"

namespace mxcert::issue {

struct Run;

/// Looks up every mail domain of all sources and plans the certificates of this host; of the plan, what concerns the
/// `chosen` domains, if there are any. Warnings of the plan stay in it.
/// Throws ConfigError when no domain is configured or one of the chosen is none of them; Error when a source of mail
/// domains fails, since a plan without its domains would lose their names.
mx::Plan make_plan(Run& run, std::span<const std::string> chosen);

/// Reports what keeps the plan from being whole: domains about which nothing is known (a warning where the policy
/// tolerates them), and the lack of any name that is ours.
void report_gaps(report::Report& report, const mx::Plan& plan, bool tolerates_unknown_names);

}  // namespace mxcert::issue
