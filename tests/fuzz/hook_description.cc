// What a hook says of its daemon.
#include "deploy/description.h"

#include "fuzz.h"

using namespace mxcert;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::tolerate([&] {
    for (const deploy::DaemonFile& file : deploy::parse_description(fuzz::as_text(data, size)).files)
      fuzz::require(file.path.is_absolute());
  });
  return 0;
}
