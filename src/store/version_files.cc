#include "store/version_files.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "pki/key.h"
#include "store/json.h"

namespace mxcert::store {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t max_version_file_bytes = 256 << 10;
constexpr mode_t private_file = 0600;
constexpr mode_t public_file = 0644;

}  // namespace

void write_version_part(const fs::path& folder, const pki::CertificateBundle& bundle, const VersionRecord& record) {
  write_new_file(folder / "privkey.pem", bundle.private_key, {.mode = private_file});
  write_new_file(folder / "cert.pem", bundle.leaf, {.mode = public_file});
  write_new_file(folder / "chain.pem", bundle.chain, {.mode = public_file});
  write_new_file(folder / "fullchain.pem", bundle.full_chain(), {.mode = public_file});
  write_new_file(folder / "bundle.pem", bundle.key_and_chain(), {.mode = private_file});
  const pki::Certificate leaf = pki::parse_certificates(bundle.leaf).front();
  const nlohmann::json document{{"directory", record.directory},
                                {"account", record.account},
                                {"order", record.order},
                                {"issued_at", format_time(record.issued_at)},
                                {"names", leaf.names},
                                {"key_type", leaf.key_type ? pki::to_string(*leaf.key_type) : ""},
                                {"not_before", format_time(leaf.not_before)},
                                {"not_after", format_time(leaf.not_after)},
                                {"serial", leaf.serial}};
  write_new_file(folder / "certificate.json", to_text(document), {.mode = private_file});
  sync_directory(folder);
}

VersionPart load_version_part(const fs::path& folder) {
  VersionPart part{.bundle = {.private_key = read_file(folder / "privkey.pem", max_version_file_bytes),
                              .leaf = read_file(folder / "cert.pem", max_version_file_bytes),
                              .chain = read_file(folder / "chain.pem", max_version_file_bytes)}};
  try {
    part.leaf = pki::parse_certificates(part.bundle.leaf).front();
  } catch (const Error& e) {
    throw Error(fmt::format("{}: {}", (folder / "cert.pem").string(), e.message()),
                "restore it from a backup, or go back to the version before: mxcert rollback", "certificate_damaged");
  }
  if (const auto record = load_json(folder / "certificate.json"))
    part.record = {.directory = text_at(*record, "directory"),
                   .account = text_at(*record, "account"),
                   .order = text_at(*record, "order"),
                   .issued_at = time_at(*record, "issued_at")};
  return part;
}

std::optional<std::string> find_private_key(const fs::path& folder) {
  const fs::path file = folder / "privkey.pem";
  if (!path_exists(file)) return std::nullopt;
  return read_file(file, max_version_file_bytes);
}

}  // namespace mxcert::store
