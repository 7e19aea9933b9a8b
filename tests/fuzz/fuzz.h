#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mxcert::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// What is refused is refused with an Error and nothing else.
template <typename Parse>
void tolerate(Parse&& parse) {
  try {
    parse();
  } catch (const Error&) {
    return;
  }
}

/// Ends the process, as a sanitizer does, when what was parsed breaks the promise of its header.
inline void require(bool promise) {
  if (!promise) __builtin_trap();
}

}  // namespace mxcert::fuzz
