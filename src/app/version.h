#pragma once

namespace mxcert::app {

/// Of the project, from CMakeLists.txt.
constexpr const char* version = MXCERT_VERSION;

}  // namespace mxcert::app
