#pragma once
#include <vector>

#include "mx/certificate_plan.h"
#include "mx/plan.h"

// The last step of plan_certificates.
namespace mxcert::mx {

/// All that the plan warns of, each once: the lookups' warnings, what is unknown, hosts that cannot be proven, names
/// that stay though nobody asks for them; then what becomes of certificates, and of names that go. `plan` has its
/// domains and certificates.
std::vector<Warning> find_warnings(const PlanInput& input, const Plan& plan, const NameStates& states);

}  // namespace mxcert::mx
