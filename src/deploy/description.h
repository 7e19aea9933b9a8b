#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "deploy/delivery.h"
#include "deploy/endpoint.h"

namespace mxcert::deploy {

/// What a hook says of its daemon: the answer to `describe` (hooks/README.md).
struct Description {
  bool plain_script = false;  // knows no events, like a deploy hook of certbot: it is only run
  std::string daemon = {};    // `Exim 4.96`, for people
  bool running = true;
  bool configured = true;     // whether the daemon's configuration names `files`
  bool configurable = false;  // whether the hook would write what is missing, if the administrator allows
  /// What to write where, for the administrator. When `configured`, the daemon does without what these lines are for.
  std::string missing_configuration = {};
  std::vector<std::string> warnings = {};  // what the administrator should know, for people
  std::vector<DaemonFile> files = {};
  std::vector<Endpoint> listeners = {};
};

/// Reads a hook's JSON. Throws Error saying which field is wrong; fields it does not know are ignored. A private key
/// that everybody could read is refused (law 9).
Description parse_description(std::string_view json);

/// What `target` says itself, where it lists its files; else asks `program`, but for a script that does not look at
/// what it is asked, and would do all its work. Throws what run_hook and parse_description throw.
Description describe(Clock& clock, const std::filesystem::path& program, const Target& target,
                     const Delivery& delivery);

}  // namespace mxcert::deploy
