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

/// Which part of a certificate version a file holds; named as the store's files are.
enum class Content { privkey, cert, chain, fullchain, bundle };
std::string_view to_string(Content content);
/// `bundle` and `privkey`.
bool holds_key(Content content);
std::string text_of(const pki::CertificateBundle& bundle, Content content);

/// A file that a daemon reads.
struct DaemonFile {
  std::filesystem::path path;  // absolute, as the daemon's configuration has it: may be a symbolic link
  Content content = Content::bundle;
  FileAttributes attributes = {};
};

/// What a hook says of its daemon: the answer to `describe` (hooks/README.md).
struct Description {
  bool plain_script = false;  // knows no `describe`, like a deploy hook of certbot: it is only run
  std::string daemon = {};    // `Exim 4.96`, for people
  bool running = true;
  bool configured = true;                  // whether the daemon's configuration names `files`
  bool configurable = false;               // whether the hook would write what is missing, if the administrator allows
  std::string missing_configuration = {};  // what to write where, for the administrator; when not configured
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
