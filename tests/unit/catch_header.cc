// Nothing: CMake wants a source for the library that holds the precompiled header.
