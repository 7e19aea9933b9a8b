#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "mx/plan.h"
#include "report/report.h"
#include "report/table.h"

namespace mxcert::report {

/// Takes a piece of text that goes behind the ones before.
using TextSink = std::function<void(std::string_view)>;

/// `plan --json`, schema version 1, one line feed at the end; `errors` is what keeps the plan from being whole.
void write_plan_json(const mx::Plan& plan, std::span<const Finding> errors, const TextSink& sink);

/// The plan for people: every host with whose it is and the domains that lead to it, domains that lead nowhere, the
/// certificate with what would be done and why, warnings.
std::string plan_to_text(const mx::Plan& plan, const TextStyle& style);

/// An owner as people read it, and its colour.
std::string owner_words(mx::Owner owner);
Color owner_color(mx::Owner owner);

}  // namespace mxcert::report
