#pragma once

namespace mxcert {

/// Of the project, from CMakeLists.txt.
extern const char* const program_version;

}  // namespace mxcert
