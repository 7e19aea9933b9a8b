#pragma once
#include "dns/unbound_resolver.h"
#include "report/terminal.h"

namespace mxcert::app {

struct Context;

/// The DNS as configured, telling `progress` how far it is; `progress` outlives the resolver.
dns::UnboundOptions resolver_options(const Context& context, report::ProgressLine& progress);

}  // namespace mxcert::app
