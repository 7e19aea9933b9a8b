#pragma once
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"

// All that the program does with files and directories, besides a few system calls where they matter: what
// std::filesystem throws is no Error, names no cause a person can use, and stays in files.cc (tests/layers.sh).
namespace mxcert {

/// How a file is to be. Owner and group stay those of the process where they are empty.
struct FileAttributes {
  mode_t mode = 0600;
  std::optional<uid_t> owner = std::nullopt;
  std::optional<gid_t> group = std::nullopt;
};

/// The whole content; throws Error when it cannot be read or is larger than `max_bytes`. Never reads a directory,
/// device or pipe.
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes);
/// The same; empty when there is no such file.
std::optional<std::string> read_file_if_exists(const std::filesystem::path& path, std::size_t max_bytes);

/// Replaces `path` so that a reader, or the machine after a crash, sees the old content or the new, never a part:
/// temporary file in `temporary_directory` (default: beside it; must be the same file system), created with its final
/// mode and owner, written, fsync, rename, fsync of the directory. Throws Error; then `path` is as it was and the
/// temporary file is gone.
void write_file_atomically(const std::filesystem::path& path, std::string_view content,
                           const FileAttributes& attributes, const std::filesystem::path& temporary_directory = {});
/// Creates a file that must not exist yet, with fsync but without rename: for files of a directory that is itself
/// renamed when complete.
void write_new_file(const std::filesystem::path& path, std::string_view content, const FileAttributes& attributes);

/// Creates the directory with `mode`, and its missing parents with 0755; one that exists is left as it is.
void make_directory(const std::filesystem::path& path, mode_t mode);
void sync_directory(const std::filesystem::path& path);
/// rename(2), then fsync of the directory that holds `to`.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);
/// Makes `link` a symbolic link to `target` in one step, whether or not it existed.
void replace_symlink(const std::filesystem::path& target, const std::filesystem::path& link);

/// Whether there is anything, or a directory, at `path`, links followed. Throw Error when that cannot be told.
bool path_exists(const std::filesystem::path& path);
bool directory_exists(const std::filesystem::path& path);
/// The paths of what is in the directory, sorted. Throws Error when it cannot be read.
std::vector<std::filesystem::path> list_directory(const std::filesystem::path& path);
/// The same; nothing when there is no such directory.
std::vector<std::filesystem::path> list_directory_if_exists(const std::filesystem::path& path);
/// What the symbolic link `path` says; empty when there is nothing, or no link. Throws Error when it cannot be read.
std::optional<std::filesystem::path> find_link_target(const std::filesystem::path& path);
/// `path` without links; empty when there is nothing. Throws Error when that cannot be told.
std::optional<std::filesystem::path> find_real_path(const std::filesystem::path& path);
/// `path`, from the current directory on when it is relative. Throws ConfigError for an empty one.
std::filesystem::path make_absolute(const std::filesystem::path& path);
/// Removes a file, link or empty directory; whether there was one.
bool remove_file(const std::filesystem::path& path);
/// Removes what is there with all that is in it; fine when there is nothing.
void remove_tree(const std::filesystem::path& path);

/// Writes everything to a descriptor; throws Error with `name` in its message.
void write_all(int descriptor, std::string_view content, const std::filesystem::path& name);

}  // namespace mxcert
