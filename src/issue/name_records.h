#pragma once
#include "mx/name_memory.h"

namespace mxcert::issue {

struct Run;

/// What earlier runs saw of names, as the plan wants it.
mx::NameHistories load_histories(const Run& run);
/// Saves what the next run is to know, if it is anything new.
void save_histories(Run& run, const mx::NameHistories& histories);

}  // namespace mxcert::issue
