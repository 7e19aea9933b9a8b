#include "solve/webroot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace mxcert::solve {
namespace fs = std::filesystem;
namespace {

constexpr std::array<const char*, 2> folders{".well-known", "acme-challenge"};
const std::string folder_path = ".well-known/acme-challenge";
constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

bool is_token(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= 255 && std::ranges::all_of(text, allowed);
}

const std::string& require_token(const std::string& token) {
  if (!is_token(token))
    throw Error(fmt::format("token \"{}\" cannot be the name of a file", printable(token, 100)), "do not trust this CA",
                "bad_answer");
  return token;
}

/// A token file, or one of the two directories.
bool can_be_ours(const std::string& path) {
  return path == folders[0] || path == folder_path ||
         (path.starts_with(folder_path + "/") && is_token(std::string_view(path).substr(folder_path.size() + 1)));
}

[[noreturn]] void throw_in_the_way(int error, const fs::path& path) {
  if (error == ELOOP || error == ENOTDIR)
    throw Error(fmt::format("{} is not a directory, and symbolic links are not followed there", path.string()),
                "replace it by a directory, or name the directory behind it as webroot", "webroot");
  throw_system_error(error, fmt::format("cannot open {}", path.string()), "check webroot and its permissions");
}

/// Opened without following a link; empty when there is none and `create` is false.
Fd open_below(const Fd& parent, const char* name, const fs::path& path, bool create) {
  Fd folder(::openat(parent.get(), name, directory_flags | O_NOFOLLOW));
  if (folder) return folder;
  if (errno != ENOENT) throw_in_the_way(errno, path);
  if (!create) return Fd();
  if (::mkdirat(parent.get(), name, 0755) != 0 && errno != EEXIST)
    throw_system_error(fmt::format("cannot create {}", path.string()), "check webroot and its permissions");
  folder.reset(::openat(parent.get(), name, directory_flags | O_NOFOLLOW));
  if (!folder) throw_in_the_way(errno, path);
  ::fchmod(folder.get(), 0755);  // whatever the umask: the web server is another user
  return folder;
}

/// In place of what a killed run left.
void write_token(const Fd& folder, const std::string& token, const std::string& key_authorization,
                 const fs::path& path) {
  if (::unlinkat(folder.get(), token.c_str(), 0) != 0 && errno != ENOENT)
    throw_system_error(fmt::format("cannot replace {}", path.string()));
  const Fd file(::openat(folder.get(), token.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file) throw_system_error(fmt::format("cannot create {}", path.string()), "check webroot and its permissions");
  write_all(file.get(), key_authorization, path);
  if (::fchmod(file.get(), 0644) != 0) throw_system_error(fmt::format("cannot make {} readable", path.string()));
}

}  // namespace

Webroot::Webroot(fs::path root) : root_(std::move(root)) {
  open_root();
}

std::vector<std::string> Webroot::traces(std::span<const std::string> tokens) const {
  std::vector<std::string> paths;
  const Fd root = open_root();
  struct stat status {};
  for (const std::string& path : {std::string(folders[0]), folder_path})
    if (::fstatat(root.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) paths.push_back(path);
  for (const std::string& token : tokens)
    paths.push_back(folder_path + "/" + require_token(token));
  return paths;
}

void Webroot::publish(const std::map<std::string, std::string>& key_authorizations) {
  for (const auto& [token, key_authorization] : key_authorizations)
    require_token(token);
  const Fd folder = open_folder(true);
  for (const auto& [token, key_authorization] : key_authorizations)
    write_token(folder, token, key_authorization, root_ / folder_path / token);
}

void Webroot::remove(std::span<const std::string> paths) {
  const Fd root = open_root();
  for (auto place = paths.rbegin(); place != paths.rend(); ++place) {
    const std::string& path = *place;
    if (!can_be_ours(path)) throw Error(fmt::format("{} is nothing that is put below a webroot", printable(path, 300)));
    const bool is_outer = path == folders[0];
    const bool is_folder = is_outer || path == folder_path;
    const Fd parent = is_outer    ? open_root()
                      : is_folder ? open_below(root, folders[0], root_ / folders[0], false)
                                  : open_folder(false);
    if (!parent) continue;
    const std::string name = fs::path(path).filename();
    if (::unlinkat(parent.get(), name.c_str(), is_folder ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT) continue;
    if (is_folder && (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)) continue;
    throw_system_error(fmt::format("cannot remove {}", (root_ / path).string()), "remove it by hand");
  }
}

Fd Webroot::open_root() const {
  Fd root(::open(root_.c_str(), directory_flags));
  if (!root)
    throw_system_error(fmt::format("cannot open the webroot {}", root_.string()),
                       "webroot is the directory that the web server shows for every name; create it, or correct it");
  return root;
}

/// Where the tokens are; empty when it is not there and `create` is false.
Fd Webroot::open_folder(bool create) const {
  Fd folder = open_root();
  fs::path path = root_;
  for (const char* name : folders) {
    path /= name;
    folder = open_below(folder, name, path, create);
    if (!folder) break;
  }
  return folder;
}

}  // namespace mxcert::solve
