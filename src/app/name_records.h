#pragma once
#include "mx/name_memory.h"

namespace mxcert::app {

struct Context;

/// What earlier runs saw of names, as the plan wants it.
mx::NameHistories load_histories(const Context& context);
/// Saves what the next run is to know, if it is anything new.
void save_histories(Context& context, const mx::NameHistories& histories);

}  // namespace mxcert::app
