#include "store/accounts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "store/json.h"

namespace mxcert::store {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t max_key_bytes = 64 << 10;

/// A part of a URL as the name of a folder: what is unusual in a file name becomes `_`.
std::string folder_name(std::string_view part) {
  std::string name(part);
  std::ranges::replace_if(
      name,
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                 c == '_');
      },
      '_');
  if (name.starts_with('.')) name.front() = '_';
  return name;
}

}  // namespace

fs::path Accounts::path(const std::string& directory_url) const {
  constexpr std::string_view scheme = "https://";
  if (!directory_url.starts_with(scheme) || directory_url.size() > 1000)
    throw Error(fmt::format("{} is not the https URL of an ACME directory", printable(directory_url, 200)));
  fs::path folder = directory_.accounts();
  for (const std::string_view part : split(std::string_view(directory_url).substr(scheme.size()), '/'))
    if (!part.empty()) folder /= folder_name(part);
  return folder;
}

std::optional<std::string> Accounts::find_key(const std::string& directory_url) const {
  return read_file_if_exists(path(directory_url) / "key.pem", max_key_bytes);
}

void Accounts::save_key(const std::string& directory_url, const std::string& private_key_pem) {
  const fs::path folder = path(directory_url);
  for (fs::path missing = directory_.accounts();
       const fs::path& part : folder.lexically_relative(directory_.accounts()))
    make_directory(missing /= part, 0700);
  write_file_atomically(folder / "key.pem", private_key_pem, {.mode = 0600}, directory_.tmp());
}

std::optional<std::string> Accounts::find_next_key(const std::string& directory_url) const {
  return read_file_if_exists(path(directory_url) / "key.next.pem", max_key_bytes);
}

void Accounts::save_next_key(const std::string& directory_url, const std::string& private_key_pem) {
  write_file_atomically(path(directory_url) / "key.next.pem", private_key_pem, {.mode = 0600}, directory_.tmp());
}

void Accounts::adopt_next_key(const std::string& directory_url) {
  const fs::path folder = path(directory_url);
  rename_durably(folder / "key.next.pem", folder / "key.pem");
}

void Accounts::drop_next_key(const std::string& directory_url) {
  remove_file(path(directory_url) / "key.next.pem");
}

void Accounts::retire_key(const std::string& directory_url) {
  const fs::path folder = path(directory_url);
  rename_durably(folder / "key.pem", folder / "key.retired.pem");
  forget(directory_url);
}

std::optional<AccountRecord> Accounts::find(const std::string& directory_url) const {
  const auto document = load_json(path(directory_url) / "account.json");
  if (!document) return std::nullopt;
  AccountRecord record{.directory = text_at(*document, "directory"),
                       .url = text_at(*document, "url"),
                       .deactivated = text_at(*document, "status") == "deactivated"};
  if (record.url.empty() && !record.deactivated) return std::nullopt;
  return record;
}

void Accounts::save(const AccountRecord& record) {
  save_json(path(record.directory) / "account.json",
            {{"version", 1},
             {"directory", record.directory},
             {"url", record.url},
             {"status", record.deactivated ? "deactivated" : "valid"}},
            directory_.tmp());
}

void Accounts::forget(const std::string& directory_url) {
  remove_file(path(directory_url) / "account.json");
}

std::vector<std::string> Accounts::find_caa_identities(const std::string& directory_url) const {
  const auto document = load_json(path(directory_url) / "ca.json");
  return document ? texts_at(*document, "caa_identities") : std::vector<std::string>();
}

void Accounts::save_caa_identities(const std::string& directory_url, const std::vector<std::string>& identities) {
  if (identities == find_caa_identities(directory_url)) return;
  save_json(path(directory_url) / "ca.json", {{"version", 1}, {"caa_identities", identities}}, directory_.tmp());
}

}  // namespace mxcert::store
