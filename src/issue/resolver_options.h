#pragma once
#include "config/config.h"
#include "dns/unbound_resolver.h"
#include "report/terminal.h"

namespace mxcert::issue {

/// The DNS as configured.
dns::UnboundOptions resolver_options(const config::Config& config);
/// The same, telling `progress` how far it is; `progress` outlives the resolver.
dns::UnboundOptions resolver_options(const config::Config& config, report::ProgressLine& progress);

}  // namespace mxcert::issue
