#pragma once
#include <set>
#include <string>

#include "mx/plan.h"

namespace mxcert::app {

struct Context;

/// Looks up every configured mail domain and plans the certificates of this host. Warnings of the plan stay in it.
/// Throws ConfigError when no domain is configured or one of the invocation's arguments is none of them.
mx::Plan make_plan(Context& context);

/// Whether the invocation's arguments, if there are any, concern this certificate: one of its names is a target of one
/// of these domains.
bool is_selected(const Context& context, const mx::Plan& plan, const mx::PlannedCertificate& certificate);

/// One warning or error for everything that keeps the plan from being whole: domains about which nothing is known, and
/// the lack of any name that is ours.
void report_gaps(Context& context, const mx::Plan& plan);

}  // namespace mxcert::app
