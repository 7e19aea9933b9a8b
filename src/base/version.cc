#include "base/version.h"

namespace mxcert {

const char* const program_version = MXCERT_PROGRAM_VERSION;

}  // namespace mxcert
