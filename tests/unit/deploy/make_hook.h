#pragma once
#include <filesystem>
#include <string>

#include "base/files.h"

namespace mxcert::test {

/// A shell script at `path`.
inline std::filesystem::path make_hook(const std::filesystem::path& path, const std::string& body) {
  std::filesystem::remove(path);
  write_new_file(path, "#!/bin/sh\n" + body + "\n", {.mode = 0755});
  return path;
}

}  // namespace mxcert::test
