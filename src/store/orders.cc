#include "store/orders.h"

#include "base/files.h"
#include "base/text.h"
#include "store/json.h"

namespace mxcert::store {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t max_key_bytes = 64 << 10;
constexpr std::string_view traces_suffix = ".challenges.json";

fs::path record_path(const StateDirectory& directory, const std::string& certificate) {
  return directory.orders() / (require_safe_name(certificate) + ".json");
}
fs::path key_path(const StateDirectory& directory, const std::string& certificate) {
  return directory.orders() / (require_safe_name(certificate) + ".key");
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
                     .profile = text_at(*document, "profile"),
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
             {"profile", order.profile},
             {"url", order.url}},
            directory_.tmp());
}

void Orders::remove(const std::string& certificate) {
  fs::remove(record_path(directory_, certificate));
  fs::remove(key_path(directory_, certificate));
  sync_directory(directory_.orders());
}

std::map<std::string, std::vector<ChallengeTrace>> Orders::find_traces() const {
  std::map<std::string, std::vector<ChallengeTrace>> found;
  std::error_code failure;
  for (fs::directory_iterator entry(directory_.orders(), failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string file = entry->path().filename();
    if (!file.ends_with(traces_suffix)) continue;
    found[file.substr(0, file.size() - traces_suffix.size())] = load_traces(entry->path());
  }
  return found;
}

void Orders::save_traces(const std::string& certificate, const std::vector<ChallengeTrace>& traces) {
  const fs::path path = traces_path(directory_, certificate);
  if (traces.empty()) {
    if (fs::remove(path)) sync_directory(directory_.orders());
    return;
  }
  nlohmann::json list = nlohmann::json::array();
  for (const ChallengeTrace& trace : traces)
    list.push_back({{"method", trace.method}, {"name", trace.name}, {"where", trace.where}, {"value", trace.value}});
  save_json(path, {{"version", 1}, {"traces", std::move(list)}}, directory_.tmp());
}

}  // namespace mxcert::store
