#include "store/orders.h"

#include <fmt/format.h>

#include <array>

#include "base/files.h"
#include "base/text.h"
#include "store/json.h"

namespace mxcert::store {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t max_order_key_bytes = 64 << 10;
constexpr std::string_view traces_suffix = ".challenges.json";

/// `mx.example.com`, `mx.example.com+rsa`: no certificate's name has a plus sign.
std::string file_name(const std::string& certificate, Orders::FurtherKey further) {
  std::string name = require_safe_name(certificate);
  if (further) name += fmt::format("+{}", pki::to_string(*further));
  return name;
}
fs::path record_path(const StateDirectory& directory, const std::string& certificate, Orders::FurtherKey further) {
  return directory.orders() / (file_name(certificate, further) + ".json");
}
fs::path key_path(const StateDirectory& directory, const std::string& certificate, Orders::FurtherKey further) {
  return directory.orders() / (file_name(certificate, further) + ".key");
}

fs::path traces_path(const StateDirectory& directory, const std::string& certificate) {
  return directory.orders() / (require_safe_name(certificate) + std::string(traces_suffix));
}

std::vector<ChallengeTrace> load_traces(const fs::path& path) {
  std::vector<ChallengeTrace> traces;
  const auto document = load_json(path);
  const auto list = document ? document->find("traces") : nlohmann::json::const_iterator();
  if (!document || list == document->end() || !list->is_array()) return traces;
  for (const nlohmann::json& entry : *list)
    if (entry.is_object())
      traces.push_back({.method = text_at(entry, "method"),
                        .name = text_at(entry, "name"),
                        .where = text_at(entry, "where"),
                        .value = text_at(entry, "value")});
  return traces;
}

}  // namespace

std::optional<OrderRecord> Orders::find(const std::string& certificate, FurtherKey further) const {
  const auto document = load_json(record_path(directory_, certificate, further));
  if (!document) return std::nullopt;
  const auto key = read_file_if_exists(key_path(directory_, certificate, further), max_order_key_bytes);
  const auto csr = from_base64url(text_at(*document, "csr"));
  if (!key || !csr || csr->empty()) return std::nullopt;
  return OrderRecord{.directory = text_at(*document, "directory"),
                     .names = texts_at(*document, "names"),
                     .csr_der = *csr,
                     .private_key = *key,
                     .profile = text_at(*document, "profile"),
                     .url = text_at(*document, "url")};
}

void Orders::save(const std::string& certificate, const OrderRecord& order, FurtherKey further) {
  const auto stored = read_file_if_exists(key_path(directory_, certificate, further), max_order_key_bytes);
  if (stored != order.private_key) {
    // An older order must not be found with the new key.
    remove_file(record_path(directory_, certificate, further));
    write_file_atomically(key_path(directory_, certificate, further), order.private_key, {.mode = 0600},
                          directory_.tmp());
  }
  save_json(record_path(directory_, certificate, further),
            {{"version", 1},
             {"directory", order.directory},
             {"names", order.names},
             {"csr", to_base64url(order.csr_der)},
             {"profile", order.profile},
             {"url", order.url}},
            directory_.tmp());
}

void Orders::remove(const std::string& certificate, FurtherKey further) {
  remove_file(record_path(directory_, certificate, further));
  remove_file(key_path(directory_, certificate, further));
  sync_directory(directory_.orders());
}

void Orders::remove_all(const std::string& certificate) {
  constexpr std::array<FurtherKey, 3> all{std::nullopt, pki::KeyFamily::ecdsa, pki::KeyFamily::rsa};
  for (const FurtherKey& further : all)
    if (path_exists(record_path(directory_, certificate, further)) ||
        path_exists(key_path(directory_, certificate, further)))
      remove(certificate, further);
}

std::map<std::string, std::vector<ChallengeTrace>> Orders::find_traces() const {
  std::map<std::string, std::vector<ChallengeTrace>> found;
  for (const fs::path& path : list_directory_if_exists(directory_.orders())) {
    const std::string file = path.filename();
    if (!file.ends_with(traces_suffix)) continue;
    found[file.substr(0, file.size() - traces_suffix.size())] = load_traces(path);
  }
  return found;
}

void Orders::save_traces(const std::string& certificate, const std::vector<ChallengeTrace>& traces) {
  const fs::path path = traces_path(directory_, certificate);
  if (traces.empty()) {
    if (remove_file(path)) sync_directory(directory_.orders());
    return;
  }
  nlohmann::json list = nlohmann::json::array();
  for (const ChallengeTrace& trace : traces)
    list.push_back({{"method", trace.method}, {"name", trace.name}, {"where", trace.where}, {"value", trace.value}});
  save_json(path, {{"version", 1}, {"traces", std::move(list)}}, directory_.tmp());
}

}  // namespace mxcert::store
