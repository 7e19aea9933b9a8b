#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "pki/key.h"

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

/// How hooks and the configuration write the fields of a DaemonFile. All throw Error for what cannot be used; an empty
/// text is a field that was left out, and gives the default.
std::filesystem::path parse_file_path(const std::string& text);
Content parse_content(const std::string& text);
std::optional<pki::KeyFamily> parse_file_key_type(const std::string& text);
/// The name or number of a user that exists.
std::optional<uid_t> parse_owner(const std::string& text);
std::optional<gid_t> parse_group(const std::string& text);
/// Octal. Law 9: a private key that everybody could read is refused.
mode_t parse_mode(const std::string& text, Content content);

}  // namespace mxcert::deploy
