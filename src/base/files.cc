#include "base/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "base/error.h"

namespace mxcert {
namespace fs = std::filesystem;
namespace {

std::string quoted(const fs::path& path) {
  return path.string();
}

const char* hint_for(int errno_value) {
  switch (errno_value) {
    case EACCES:
    case EPERM:
      return "run mxcert as root, or as a user who may write there";
    case ENOSPC:
    case EDQUOT:
      return "free some space on that file system and run the same command again; nothing was half-written";
    case EROFS:
      return "that file system is mounted read-only";
    default:
      return "";
  }
}

[[noreturn]] void throw_file_error(const char* action, const fs::path& path) {
  const int saved = errno;
  throw_system_error(saved, fmt::format("cannot {} {}", action, quoted(path)), hint_for(saved));
}

Fd open_regular_file(const fs::path& path) {
  // O_NONBLOCK: opening a pipe by mistake must not hang.
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return file;
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_file_error("look at", path);
  if (!S_ISREG(status.st_mode)) throw Error(fmt::format("cannot read {}: not a regular file", quoted(path)));
  return file;
}

std::string read_to_end(const Fd& file, const fs::path& path, std::size_t max_bytes) {
  std::string content;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_file_error("read", path);
    if (count == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > max_bytes)
      throw Error(fmt::format("cannot read {}: larger than {} bytes", quoted(path), max_bytes));
  }
}

/// Removes a temporary file unless it was renamed away.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const fs::path& path() const { return path_; }
  void release() { path_.clear(); }

 private:
  fs::path path_;
};

/// Whether errno says that there is nothing.
bool is_missing(int errno_value) {
  return errno_value == ENOENT || errno_value == ENOTDIR || errno_value == ENAMETOOLONG;
}

/// The mode of what is at `path`, 0 when there is nothing.
mode_t type_and_mode(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return status.st_mode;
  if (is_missing(errno)) return 0;
  throw_file_error("look at", path);
}

fs::path temporary_name(const fs::path& final_path, const fs::path& directory) {
  static std::atomic<unsigned> counter{0};
  return directory / fmt::format(".{}.{}.{}.tmp", final_path.filename().string(), ::getpid(), counter++);
}

fs::path parent_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

}  // namespace

bool path_exists(const fs::path& path) {
  return type_and_mode(path) != 0;
}

bool directory_exists(const fs::path& path) {
  return S_ISDIR(type_and_mode(path));
}

std::vector<fs::path> list_directory(const fs::path& path) {
  std::vector<fs::path> entries;
  std::error_code failure;
  for (fs::directory_iterator entry(path, failure), end; !failure && entry != end; entry.increment(failure))
    entries.push_back(entry->path());
  if (failure) {
    errno = failure.value();
    throw_file_error("read directory", path);
  }
  std::ranges::sort(entries);
  return entries;
}

std::vector<fs::path> list_directory_if_exists(const fs::path& path) {
  return path_exists(path) ? list_directory(path) : std::vector<fs::path>();
}

std::optional<fs::path> find_link_target(const fs::path& path) {
  std::error_code failure;
  fs::path target = fs::read_symlink(path, failure);
  if (!failure) return target;
  errno = failure.value();
  if (errno == EINVAL || is_missing(errno)) return std::nullopt;
  throw_file_error("read the link", path);
}

std::optional<fs::path> find_real_path(const fs::path& path) {
  std::error_code failure;
  fs::path real = fs::canonical(path, failure);
  if (!failure) return real;
  errno = failure.value();
  if (is_missing(errno)) return std::nullopt;
  throw_file_error("follow the links of", path);
}

fs::path make_absolute(const fs::path& path) {
  if (path.empty()) throw ConfigError("the path of a file is empty");
  std::error_code failure;
  fs::path absolute = fs::absolute(path, failure);
  if (failure)
    throw_system_error(failure.value(), fmt::format("cannot tell where {} is: no current directory", quoted(path)),
                       "give an absolute path");
  return absolute;
}

bool remove_file(const fs::path& path) {
  if (std::remove(path.c_str()) == 0) return true;
  if (is_missing(errno)) return false;
  throw_file_error("remove", path);
}

void remove_tree(const fs::path& path) {
  std::error_code failure;
  fs::remove_all(path, failure);
  if (!failure) return;
  errno = failure.value();
  throw_file_error("remove", path);
}

void write_all(int descriptor, std::string_view content, const fs::path& name) {
  while (!content.empty()) {
    const ssize_t count = ::write(descriptor, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_file_error("write", name);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  const Fd file = open_regular_file(path);
  if (!file) throw_file_error("read", path);
  return read_to_end(file, path, max_bytes);
}

std::optional<std::string> read_file_if_exists(const fs::path& path, std::size_t max_bytes) {
  const Fd file = open_regular_file(path);
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) throw_file_error("read", path);
  return read_to_end(file, path, max_bytes);
}

void write_new_file(const fs::path& path, std::string_view content, const FileAttributes& attributes) {
  // Created with no more than the owner's rights; the group gets its own only after the file belongs to it.
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, attributes.mode & 0700));
  if (!file) throw_file_error("create", path);
  TemporaryFile unfinished(path);
  if (attributes.owner || attributes.group) {
    if (::fchown(file.get(), attributes.owner.value_or(static_cast<uid_t>(-1)),
                 attributes.group.value_or(static_cast<gid_t>(-1))) != 0)
      throw_file_error("set the owner of", path);
  }
  if (::fchmod(file.get(), attributes.mode) != 0) throw_file_error("set the mode of", path);
  write_all(file.get(), content, path);
  if (::fsync(file.get()) != 0) throw_file_error("write", path);
  unfinished.release();
}

void write_file_atomically(const fs::path& path, std::string_view content, const FileAttributes& attributes,
                           const fs::path& temporary_directory) {
  TemporaryFile temporary(temporary_name(path, temporary_directory.empty() ? parent_of(path) : temporary_directory));
  write_new_file(temporary.path(), content, attributes);
  rename_durably(temporary.path(), path);
  temporary.release();
}

void make_directory(const fs::path& path, mode_t mode) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (!S_ISDIR(status.st_mode)) throw Error(fmt::format("{} is not a directory", quoted(path)));
    return;
  }
  if (path.has_parent_path() && path.parent_path() != path) make_directory(path.parent_path(), 0755);
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) throw_file_error("create directory", path);
  sync_directory(parent_of(path));
}

void sync_directory(const fs::path& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) throw_file_error("open directory", path);
  if (::fsync(directory.get()) != 0 && errno != EINVAL) throw_file_error("sync directory", path);
}

void rename_durably(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) throw_file_error("move a complete file to", to);
  sync_directory(parent_of(to));
}

void replace_symlink(const fs::path& target, const fs::path& link) {
  TemporaryFile temporary(temporary_name(link, parent_of(link)));
  if (::symlink(target.c_str(), temporary.path().c_str()) != 0) throw_file_error("create the link", temporary.path());
  rename_durably(temporary.path(), link);
  temporary.release();
}

}  // namespace mxcert
