#pragma once
#include <string>

#include "app/table.h"
#include "mx/plan.h"

namespace mxcert::app {

/// `plan --json`, schema version 1, one line feed at the end.
std::string plan_to_json(const mx::Plan& plan);

/// The plan for people: every host with whose it is and the domains that lead to it, domains that lead nowhere, the
/// certificate with what would be done and why, warnings.
std::string plan_to_text(const mx::Plan& plan, const TextStyle& style);

}  // namespace mxcert::app
