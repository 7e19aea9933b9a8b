#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/clock.h"

// For the .cc files of this folder only.
namespace mxcert::app {

class Report;

/// `"2026-11-23T15:54:00Z"` or `null`.
nlohmann::json time_or_null(const std::optional<SystemTime>& time);
/// Adds `warnings` and `errors`.
void add_findings(nlohmann::json& document, const Report& report);
/// Indented, with a newline; text that is not UTF-8 is mended.
std::string dump(const nlohmann::json& document);

}  // namespace mxcert::app
