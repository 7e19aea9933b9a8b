#include "app/revocation.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace mxcert::app {
namespace {

constexpr std::array reasons{
    RevocationReason{"unspecified", 0},          RevocationReason{"keyCompromise", 1},
    RevocationReason{"affiliationChanged", 3},   RevocationReason{"superseded", 4},
    RevocationReason{"cessationOfOperation", 5},
};

}  // namespace

RevocationReason parse_revocation_reason(const std::string& name) {
  if (name.empty()) return reasons.front();
  std::vector<std::string> names;
  for (const RevocationReason& reason : reasons) {
    if (name == reason.name) return reason;
    names.emplace_back(reason.name);
  }
  throw ConfigError(fmt::format("--reason: {} is no reason that a CA takes", printable(name, 100)),
                    "known: " + join(names, ", "));
}

}  // namespace mxcert::app
