#include "deploy/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "pki/key.h"

namespace mxcert::deploy {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
constexpr std::size_t max_journal_bytes = 1 << 20;
constexpr const char* index_name = "journal.json";  // written last, removed first: what there is without it is rubbish

std::string kept_name(std::size_t index) {
  return fmt::format("{}.previous", index);
}

std::string sha256_of(std::string_view content) {
  return to_hex(pki::sha256(content));
}

json to_json(const KeptFile& file, std::size_t index) {
  json object{{"path", file.path.string()}, {"after_sha256", file.after_sha256}, {"existed", file.before.has_value()}};
  if (!file.before) return object;
  object["kept_as"] = kept_name(index);
  object["mode"] = file.before->attributes.mode;
  object["owner"] = file.before->attributes.owner.value();
  object["group"] = file.before->attributes.group.value();
  return object;
}

/// Paths are not always the UTF-8 that JSON takes; one that was mended could not be put back.
std::string to_text(const json& object) {
  try {
    return object.dump(2) + "\n";
  } catch (const json::exception& e) {
    throw Error(fmt::format("what is to be replaced cannot be recorded: {}", printable(e.what(), 200)),
                "have the daemon read files whose paths are UTF-8");
  }
}

KeptFile kept_file_from(const json& object, const fs::path& directory) {
  KeptFile file{.path = object.at("path").get<std::string>(),
                .after_sha256 = object.at("after_sha256").get<std::string>()};
  if (object.at("existed").get<bool>()) {
    const fs::path kept = directory / fs::path(object.at("kept_as").get<std::string>()).filename();
    file.before = FileState{.content = read_file(kept, max_journal_bytes),
                            .attributes = {.mode = object.at("mode").get<mode_t>(),
                                           .owner = object.at("owner").get<uid_t>(),
                                           .group = object.at("group").get<gid_t>()}};
  }
  return file;
}

/// Whatever else a run, killed or not, wrote there.
void remove_kept_files(const fs::path& directory) {
  for (const fs::path& entry : list_directory(directory))
    if (!directory_exists(entry)) remove_file(entry);
}

/// The kept files from number `first` on, those before being there, and then the index.
void write_journal(const fs::path& directory, const Journal& journal, std::size_t first) {
  json files = json::array();
  for (std::size_t i = 0; i < journal.files.size(); ++i) {
    const KeptFile& file = journal.files[i];
    if (i >= first && file.before) {
      remove_file(directory / kept_name(i));  // of a run that was killed
      write_new_file(directory / kept_name(i), file.before->content, {.mode = 0600});
    }
    files.push_back(to_json(file, i));
  }
  sync_directory(directory);
  const json object{{"version", 1},
                    {"certificate", journal.certificate_name},
                    {"names", journal.names},
                    {"role", to_string(journal.role)},
                    {"configures", journal.configures},
                    {"files", std::move(files)}};
  write_file_atomically(directory / index_name, to_text(object), {.mode = 0600});
}

/// Whether `known` knows a file of `journal`; such ones become what it says.
bool take_what_was_before(Journal& journal, const Journal& known) {
  bool found = false;
  for (KeptFile& file : journal.files) {
    const auto same = std::ranges::find(known.files, file.path, &KeptFile::path);
    if (same == known.files.end()) continue;
    file.before = same->before;
    found = true;
  }
  journal.configures = journal.configures || (found && known.configures);
  return found;
}

}  // namespace

std::vector<KeptFile> keep(std::span<const FileChange> changes) {
  std::vector<KeptFile> kept;
  for (const FileChange& change : changes)
    kept.push_back({.path = change.path,
                    .before = change.before,
                    .after_sha256 = change.after ? sha256_of(change.after->content) : std::string()});
  return kept;
}

void save_journal(const fs::path& directory, const Journal& journal) {
  make_directory(directory, 0700);
  remove_journal(directory);
  write_journal(directory, journal, 0);
}

void add_to_journal(const fs::path& directory, const Journal& more) {
  auto journal = load_journal(directory);
  if (!journal) return save_journal(directory, more);
  const std::size_t known = journal->files.size();
  for (const KeptFile& file : more.files)
    if (std::ranges::find(journal->files, file.path, &KeptFile::path) == journal->files.end())
      journal->files.push_back(file);
  if (journal->files.size() == known && (journal->configures || !more.configures)) return;
  journal->configures = journal->configures || more.configures;
  write_journal(directory, *journal, known);
}

std::optional<Journal> load_journal(const fs::path& directory) {
  const auto text = read_file_if_exists(directory / index_name, max_journal_bytes);
  if (!text) return std::nullopt;
  try {
    const json object = json::parse(*text);
    Journal journal{.certificate_name = object.at("certificate").get<std::string>(),
                    .names = object.at("names").get<std::vector<std::string>>(),
                    .role = parse_role(object.value("role", "")),
                    .configures = object.at("configures").get<bool>()};
    for (const json& file : object.at("files"))
      journal.files.push_back(kept_file_from(file, directory));
    return journal;
  } catch (const json::exception& e) {
    throw Error(fmt::format("{} is damaged: {}", (directory / index_name).string(), printable(e.what(), 200)),
                "put the daemon's key and certificate in order by hand, then remove that directory");
  }
}

void hand_over_journal(const fs::path& directory, const fs::path& original, const Journal& journal,
                       std::span<const fs::path> others) {
  Journal first = journal;
  bool is_known = false;
  for (const fs::path& other : others)
    if (const auto before = load_journal(other)) is_known = take_what_was_before(first, *before) || is_known;
  if (is_known || load_journal(original)) {
    add_to_journal(original, first);
    remove_journal(directory);
    return;
  }
  if (path_exists(original)) remove_kept_files(original);  // of a run that was killed
  rename_durably(directory, original);
}

void remove_journal(const fs::path& directory) {
  remove_file(directory / index_name);
  sync_directory(directory);
  remove_kept_files(directory);
}

Restoration plan_restoration(std::span<const KeptFile> files) {
  Restoration restoration;
  for (const KeptFile& file : files) {
    FileChange change{.path = file.path, .before = load_state(file.path), .after = file.before};
    const bool is_old = change.before.has_value() == change.after.has_value() &&
                        (!change.before || change.before->content == change.after->content);
    const bool is_new = change.before && sha256_of(change.before->content) == file.after_sha256;
    if (!is_old && !is_new) restoration.taken_over = file.path;
    if (change.is_needed()) restoration.changes.push_back(std::move(change));
  }
  return restoration;
}

}  // namespace mxcert::deploy
