#pragma once

namespace mxcert::app {

struct Context;

/// Writes what happened to each certificate to stdout, as text or JSON. Cron hears nothing when all is well: where the
/// policy speaks only of changes there is none when nothing was done or failed.
void print_outcomes(const Context& context);

}  // namespace mxcert::app
