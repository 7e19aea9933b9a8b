#pragma once
#include "mx/mx_lookup.h"

namespace mxcert::mx {

/// What is wrong with the hosts of a domain's records, once their addresses are known, added to its warnings; in the
/// same words for every domain that leads to a host, so that the plan says it once.
void warn_of_targets(MxLookup& lookup);

}  // namespace mxcert::mx
