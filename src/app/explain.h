#pragma once
#include "mx/plan.h"

namespace mxcert::app {

struct Context;

/// `mxcert plan --explain NAME`: writes all that is known about a mail domain or a name, from where it comes to whether
/// the CA would issue it. Throws ConfigError when neither the plan nor a stored certificate has it.
void explain(Context& context, const mx::Plan& plan);

}  // namespace mxcert::app
