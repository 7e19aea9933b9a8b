#ifdef MXCERT_CATCH2_V3
// Catch2 v3 brings its own main.
#else
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
