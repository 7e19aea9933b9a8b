#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "deploy/install.h"

namespace mxcert::deploy {

/// A file as it was before a deployment, and how to tell that the deployment's file is (still) there.
struct KeptFile {
  std::filesystem::path path;
  std::optional<FileState> before = {};  // none: it did not exist
  std::string after_sha256 = {};         // hexadecimal, of the content that was to be installed
};

/// What a run that is killed leaves to the next one: enough to undo the deployment.
struct Journal {
  std::string certificate_name;
  std::vector<std::string> names;
  Role role = Role::default_certificate;
  bool configures = false;  // the hook may have changed the daemon's configuration
  std::vector<KeptFile> files = {};
};

/// What has to be kept before `changes` are made.
std::vector<KeptFile> keep(std::span<const FileChange> changes);

/// Writes it to `directory` (mode 0700, made if missing; files 0600), synced: complete, or not there at all.
void save_journal(const std::filesystem::path& directory, const Journal& journal);
/// Adds what the journal in `directory` does not have yet, or begins it: what it knows of a file stays, whenever this
/// ends. `more.names` count only for a new one.
void add_to_journal(const std::filesystem::path& directory, const Journal& more);
/// Empty when nothing is under way. Throws Error when it cannot be read.
std::optional<Journal> load_journal(const std::filesystem::path& directory);
/// The deployment has ended well: what the journal in `directory` keeps is from now on kept in `original`, as
/// add_to_journal does; the first time by a rename, which needs no space. Both are on the same file system. A file that
/// one of `others` knows, which are such originals of other certificates, was before what that one says.
void hand_over_journal(const std::filesystem::path& directory, const std::filesystem::path& original,
                       const Journal& journal, std::span<const std::filesystem::path> others = {});
/// The deployment has ended: removes the journal, and the kept keys with it.
void remove_journal(const std::filesystem::path& directory);

/// Which changes bring the kept files back. `taken_over` names a file that holds neither the old nor the new content:
/// somebody else has written it since; a later run then leaves them all alone.
struct Restoration {
  std::vector<FileChange> changes = {};
  std::optional<std::filesystem::path> taken_over = {};
};
Restoration plan_restoration(std::span<const KeptFile> files);

}  // namespace mxcert::deploy
