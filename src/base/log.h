#pragma once
#include <string_view>

namespace mxcert::log {

/// Diagnostics for stderr; never the result of a command. Secrets never come here. Errors and warnings say that they
/// are such, steps are told as they are.
enum class Level { debug, info, warning, error };

/// Sets what is shown on stderr; `color` only when stderr is a terminal that wants it.
void configure(Level threshold, bool color);

void debug(std::string_view message);
void info(std::string_view message);
void warning(std::string_view message);
void error(std::string_view message);

}  // namespace mxcert::log
