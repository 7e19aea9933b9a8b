#include "store/orders.h"

#include "base/files.h"
#include "base/text.h"
#include "store/json.h"

namespace mxcert::store {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t max_key_bytes = 64 << 10;

fs::path record_path(const StateDirectory& directory, const std::string& certificate) {
  return directory.orders() / (require_safe_name(certificate) + ".json");
}
fs::path key_path(const StateDirectory& directory, const std::string& certificate) {
  return directory.orders() / (require_safe_name(certificate) + ".key");
}

}  // namespace

std::optional<OrderRecord> Orders::find(const std::string& certificate) const {
  const auto document = load_json(record_path(directory_, certificate));
  if (!document) return std::nullopt;
  const auto key = read_file_if_exists(key_path(directory_, certificate), max_key_bytes);
  const auto csr = from_base64url(text_at(*document, "csr"));
  if (!key || !csr || csr->empty()) return std::nullopt;
  return OrderRecord{.directory = text_at(*document, "directory"),
                     .names = texts_at(*document, "names"),
                     .csr_der = *csr,
                     .private_key = *key,
                     .url = text_at(*document, "url")};
}

void Orders::save(const std::string& certificate, const OrderRecord& order) {
  const auto stored = read_file_if_exists(key_path(directory_, certificate), max_key_bytes);
  if (stored != order.private_key) {
    // An older order must not be found with the new key.
    fs::remove(record_path(directory_, certificate));
    write_file_atomically(key_path(directory_, certificate), order.private_key, {.mode = 0600}, directory_.tmp());
  }
  save_json(record_path(directory_, certificate),
            {{"version", 1},
             {"directory", order.directory},
             {"names", order.names},
             {"csr", to_base64url(order.csr_der)},
             {"url", order.url}},
            directory_.tmp());
}

void Orders::remove(const std::string& certificate) {
  fs::remove(record_path(directory_, certificate));
  fs::remove(key_path(directory_, certificate));
  sync_directory(directory_.orders());
}

}  // namespace mxcert::store
