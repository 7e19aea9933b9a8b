#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "deploy/delivery.h"
#include "deploy/endpoint.h"

namespace mxcert::deploy {

/// Which part of a certificate version a file holds; the first five are named as the store's files are.
enum class Content {
  privkey,
  cert,
  chain,
  fullchain,
  bundle,   // key and full chain
  bundles,  // those of every key, one after the other, the primary one first
  names,    // the certificate's names, one a line
};
std::string_view to_string(Content content);
/// `bundle`, `bundles` and `privkey`.
bool holds_key(Content content);

/// A file that a daemon reads.
struct DaemonFile {
  std::filesystem::path path;  // absolute, as the daemon's configuration has it: may be a symbolic link
  Content content = Content::bundle;
  std::optional<pki::KeyFamily> key_type = {};  // whose bundle; empty: the primary one
  FileAttributes attributes = {};
};

/// What `file` has to hold. Throws Error when it is for a key type that is not delivered.
std::string text_of(const Delivery& delivery, const DaemonFile& file);

/// What a hook says of its daemon: the answer to `describe` (hooks/README.md).
struct Description {
  bool plain_script = false;  // knows no `describe`, like a deploy hook of certbot: it is only run
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

/// Asks `program`. Throws what run_hook and parse_description throw.
Description describe(Clock& clock, const std::filesystem::path& program, const Target& target,
                     const Delivery& delivery);

}  // namespace mxcert::deploy
