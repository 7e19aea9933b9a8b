#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/finding.h"

namespace mxcert::mx {
struct PlannedDomain;
struct PlannedTarget;
struct Warning;
}  // namespace mxcert::mx

// For the .cc files of this folder only.
namespace mxcert::report {

class Report;

/// Keys stay in the order in which they are written, for people who look.
using Json = nlohmann::ordered_json;

/// `"2026-11-23T15:54:00Z"` or `null`.
Json time_or_null(const std::optional<SystemTime>& time);
/// `[ { "code", "subject", "message", "hint" } ]`.
Json to_json(std::span<const Finding> findings);
/// As `plan --json` has them.
Json to_json(const mx::PlannedTarget& target);
Json to_json(const mx::PlannedDomain& domain);
Json to_json(const mx::Warning& warning);
/// Adds `warnings` and `errors`.
void add_findings(Json& document, const Report& report);
/// Indented, with a newline; text that is not UTF-8 is mended.
std::string dump(const Json& document);

}  // namespace mxcert::report
