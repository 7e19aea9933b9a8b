#pragma once
#include "app/terminal.h"
#include "dns/unbound_resolver.h"

namespace mxcert::app {

struct Context;

/// The DNS as configured, telling `progress` how far it is; `progress` outlives the resolver.
dns::UnboundOptions resolver_options(const Context& context, ProgressLine& progress);

}  // namespace mxcert::app
