#include "deploy/install.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace mxcert::deploy {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t max_file_bytes = 1 << 20;
constexpr int max_links = 40;  // as the kernel has it
constexpr auto own_file_hint = "let the daemon's configuration name a file of its own, which mxcert then writes";

bool same(const FileState& a, const FileState& b) {
  return a.content == b.content && a.attributes.mode == b.attributes.mode && a.attributes.owner == b.attributes.owner &&
         a.attributes.group == b.attributes.group;
}

bool is_inside(const fs::path& path, const fs::path& directory) {
  const auto [in_directory, ignored] = std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return in_directory == directory.end();
}

/// The version that is delivered, and where it is one of the store's, its other versions too.
fs::path directory_of_versions(const fs::path& lineage) {
  const auto version = find_real_path(lineage);
  if (!version) return {};
  return find_link_target(lineage) ? version->parent_path() : *version;
}

/// Writing there would damage what somebody else keeps, however the daemon came to read it.
void refuse_foreign(const fs::path& configured, const fs::path& real, const Delivery& delivery) {
  const auto refuse = [&](std::string_view whose) {
    throw Error(fmt::format("the daemon reads {}, which {}", configured.string(), whose), own_file_hint,
                "foreign_file");
  };
  for (const fs::path& path : {configured, real})
    if (is_inside(path, "/etc/letsencrypt")) refuse("belongs to certbot");
  if (real.filename().string().starts_with("ssl-cert-snakeoil"))
    refuse("is the snakeoil certificate that Debian makes for all programs");
  const fs::path versions = delivery.lineage.empty() ? fs::path() : directory_of_versions(delivery.lineage);
  if (!versions.empty() && is_inside(real, versions)) refuse("is mxcert's own store, readable for root alone");
}

FileState state_wanted(const DaemonFile& file, const Delivery& delivery, const std::optional<FileState>& before) {
  FileState state{.content = text_of(delivery, file), .attributes = file.attributes};
  FileAttributes& attributes = state.attributes;
  if (!attributes.owner) attributes.owner = before ? before->attributes.owner : ::geteuid();
  if (!attributes.group) attributes.group = before ? before->attributes.group : ::getegid();
  return state;
}

[[noreturn]] void throw_file_error(const char* action, const fs::path& path) {
  const int saved = errno;
  throw_system_error(saved, fmt::format("cannot {} {}", action, path.string()));
}

/// New contents on their way, removed unless they were renamed.
class Temporaries {
 public:
  Temporaries() = default;
  Temporaries(const Temporaries&) = delete;
  Temporaries& operator=(const Temporaries&) = delete;
  ~Temporaries() {
    for (const fs::path& path : paths_)
      ::unlink(path.c_str());
  }
  void write(const FileChange& change) {
    const fs::path path = temporary_path(change.path);
    ::unlink(path.c_str());  // of a run that was killed
    paths_.push_back(path);
    write_new_file(path, change.after->content, change.after->attributes);
  }

 private:
  std::vector<fs::path> paths_;
};

void put_in_place(const FileChange& change) {
  if (change.after) {
    if (::rename(temporary_path(change.path).c_str(), change.path.c_str()) != 0)
      throw_file_error("replace", change.path);
  } else if (::unlink(change.path.c_str()) != 0 && errno != ENOENT) {
    throw_file_error("remove", change.path);
  }
}

}  // namespace

bool FileChange::is_needed() const {
  if (before && after) return !same(*before, *after);
  return before.has_value() != after.has_value();
}

fs::path follow_links(const fs::path& path) {
  fs::path current = path;
  for (int count = 0; const auto target = find_link_target(current); ++count) {
    if (count == max_links) throw Error(fmt::format("{}: too many symbolic links", path.string()));
    current = target->is_absolute() ? *target : current.parent_path() / *target;
  }
  const auto directory = find_real_path(current.parent_path());
  if (!directory)
    throw Error(
        fmt::format("there is no directory {} for the file that the daemon reads", current.parent_path().string()),
        fmt::format("mkdir -p {}, or correct the daemon's configuration", current.parent_path().string()));
  return *directory / current.filename();
}

std::optional<FileState> load_state(const fs::path& path) {
  auto content = read_file_if_exists(path, max_file_bytes);
  if (!content) return std::nullopt;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw_file_error("look at", path);
  return FileState{.content = std::move(*content),
                   .attributes = {.mode = status.st_mode & 07777, .owner = status.st_uid, .group = status.st_gid}};
}

std::vector<FileChange> plan_changes(std::span<const DaemonFile> files, const Delivery& delivery) {
  std::vector<FileChange> changes;
  std::set<fs::path> seen;
  for (const DaemonFile& file : files) {
    FileChange change{.path = follow_links(file.path)};
    if (!seen.insert(change.path).second)
      throw Error(fmt::format("{} is named twice, for different contents", change.path.string()));
    refuse_foreign(file.path, change.path, delivery);
    change.before = load_state(change.path);
    change.after = state_wanted(file, delivery, change.before);
    if (change.is_needed()) changes.push_back(std::move(change));
  }
  return changes;
}

std::vector<FileChange> reversed(std::span<const FileChange> changes) {
  std::vector<FileChange> undo(changes.begin(), changes.end());
  for (FileChange& change : undo)
    std::swap(change.before, change.after);
  return undo;
}

void make_changes(std::span<const FileChange> changes, const std::function<void(const fs::path&)>& before_each) {
  Temporaries temporaries;
  for (const FileChange& change : changes)
    if (change.after) temporaries.write(change);
  std::set<fs::path> directories;
  for (const FileChange& change : changes) {
    if (before_each) before_each(change.path);
    put_in_place(change);
    directories.insert(change.path.parent_path());
  }
  for (const fs::path& directory : directories)
    sync_directory(directory);
}

fs::path temporary_path(const fs::path& path) {
  return path.parent_path() / fmt::format(".{}.mxcert-new", path.filename().string());
}

}  // namespace mxcert::deploy
