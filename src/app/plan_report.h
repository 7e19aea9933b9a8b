#pragma once
#include <cstddef>
#include <string>

#include "mx/plan.h"

namespace mxcert::app {

/// `plan --json`, schema version 1, one line feed at the end.
std::string plan_to_json(const mx::Plan& plan);

struct TextStyle {
  std::size_t width = 80;  // columns of the terminal; less than 40 counts as 40
  bool color = false;
};

/// The plan for people: every host with the domains that lead to it and whose it is, domains that lead nowhere, the
/// certificate with what would be done and why, warnings.
std::string plan_to_text(const mx::Plan& plan, const TextStyle& style);

}  // namespace mxcert::app
