#pragma once
#include "mx/name_memory.h"
#include "store/name_records.h"

namespace mxcert::issue {

/// What earlier runs saw of names, as the plan wants it.
mx::NameHistories load_histories(const store::NameRecords& names);
/// Saves what the next run is to know, if it is anything new.
void save_histories(store::NameRecords& names, const mx::NameHistories& histories);

}  // namespace mxcert::issue
