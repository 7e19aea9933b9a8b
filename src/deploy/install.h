#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "deploy/delivery.h"
#include "deploy/description.h"

namespace mxcert::deploy {

/// What a file holds, and how it is: owner and group are always set.
struct FileState {
  std::string content;
  FileAttributes attributes;
};

/// A file before and after something; no state means that it does not exist.
struct FileChange {
  std::filesystem::path path;  // the real file: symbolic links are followed, never replaced
  std::optional<FileState> before = {};
  std::optional<FileState> after = {};

  bool is_needed() const;
};

/// Where `path` leads, through symbolic links of which the last may dangle. Throws Error when its directory does not
/// exist or links go round in circles.
std::filesystem::path follow_links(const std::filesystem::path& path);

/// The regular file at `path`; empty when there is none. Throws Error when it is something else, unreadable, or larger
/// than a certificate file can be.
std::optional<FileState> load_state(const std::filesystem::path& path);

/// What has to change on disk so that `files` hold `delivery`: those that hold it already are left out, so that a
/// renewal with the same key leaves the key file alone.
///
/// Throws Error for a file that is not the daemon's own: in certbot's directory, in the store `delivery` comes from,
/// Debian's snakeoil certificate.
std::vector<FileChange> plan_changes(std::span<const DaemonFile> files, const Delivery& delivery);

/// The changes that undo `changes`.
std::vector<FileChange> reversed(std::span<const FileChange> changes);

/// Makes them: every new content is written completely beside its file, with its final owner and mode, and synced;
/// then they are all renamed, back to back, so that key and certificate of different files disagree for an instant
/// only. `before_each` is called before each rename or removal. Hooks write no certificate, so that this and the way
/// back are the same for every daemon.
///
/// Throws Error; when that happens while the contents are written (a full disk), no file has changed.
void make_changes(std::span<const FileChange> changes,
                  const std::function<void(const std::filesystem::path&)>& before_each);

/// The name under which the new content of `path` is written; left behind only by a run that was killed.
std::filesystem::path temporary_path(const std::filesystem::path& path);

}  // namespace mxcert::deploy
