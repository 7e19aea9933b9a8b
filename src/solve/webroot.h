#pragma once
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/handle.h"

namespace mxcert::solve {

/// http-01 (RFC 8555 §8.3) through a web server that is there already: a file for each token in
/// WEBROOT/.well-known/acme-challenge, readable for everybody. Below the webroot, which may belong to the web server's
/// user, no symbolic link is followed. Paths are relative to the webroot.
class Webroot {
 public:
  /// Throws Error when there is no such directory.
  explicit Webroot(std::filesystem::path root);

  /// What `publish` would leave behind for `tokens`: the directories that are missing, outer ones first, then the
  /// files.
  std::vector<std::string> traces(std::span<const std::string> tokens) const;
  /// Token → key authorization. Throws Error for a token that is not base64url, and for what is in the way.
  void publish(const std::map<std::string, std::string>& key_authorizations);
  /// Removes what `traces` said, the last first; what is gone already, and directories that hold something else, are
  /// left alone. Throws Error for a path that cannot be ours, and when one cannot be removed.
  void remove(std::span<const std::string> paths);

 private:
  Fd open_root() const;
  Fd open_folder(bool create) const;

  std::filesystem::path root_;
};

}  // namespace mxcert::solve
