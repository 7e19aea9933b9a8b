#pragma once
#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/handle.h"

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

/// Writes everything to a descriptor; throws Error with `name` in its message.
void write_all(int descriptor, std::string_view content, const std::filesystem::path& name);

}  // namespace mxcert
