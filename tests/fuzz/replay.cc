// Without a fuzzer: replays the files of the folders that are named, each also cut off everywhere and with each byte
// changed, so that every build and sanitizer sees what hostile input looks like.
#include <cstdio>
#include <filesystem>
#include <vector>

#include "base/files.h"
#include "fuzz.h"

namespace fs = std::filesystem;

namespace {

constexpr std::size_t max_input_bytes = 1 << 20;
/// Of larger ones, only so many places.
constexpr std::size_t max_places = 2000;

/// A copy of its own on the heap: reading past its end does not go unnoticed.
void run(std::string_view input) {
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void run_with_changes(const std::string& input) {
  run(input);
  const std::size_t step = input.size() / max_places + 1;
  for (std::size_t at = 0; at < input.size(); at += step) {
    run(std::string_view(input).substr(0, at));
    for (const char change : {'\x01', '\x20', '\x7f', '\x80'}) {
      std::string changed = input;
      changed[at] = static_cast<char>(changed[at] ^ change);
      run(changed);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i)
    for (const auto& entry : fs::directory_iterator(argv[i])) {
      run_with_changes(mxcert::read_file(entry.path(), max_input_bytes));
      ++files;
    }
  std::printf("%zu inputs replayed\n", files);
  return files > 0 ? 0 : 1;
}
