#pragma once
#include <span>
#include <string>

#include "app/report.h"
#include "app/table.h"
#include "mx/plan.h"

namespace mxcert::app {

/// `plan --json`, schema version 1, one line feed at the end; `errors` is what keeps the plan from being whole.
std::string plan_to_json(const mx::Plan& plan, std::span<const Finding> errors = {});

/// The plan for people: every host with whose it is and the domains that lead to it, domains that lead nowhere, the
/// certificate with what would be done and why, warnings.
std::string plan_to_text(const mx::Plan& plan, const TextStyle& style);

}  // namespace mxcert::app
