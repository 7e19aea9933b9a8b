#include "store/json.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

namespace mxcert::store {
namespace {
constexpr std::size_t max_document_bytes = 4 << 20;
}

std::optional<nlohmann::json> load_json(const std::filesystem::path& path) {
  try {
    const auto text = read_file_if_exists(path, max_document_bytes);
    if (!text) return std::nullopt;
    auto document = nlohmann::json::parse(*text, nullptr, false);
    if (document.is_object()) return document;
    log::warning(fmt::format("{} is damaged and ignored; it will be written anew", path.string()));
  } catch (const Error& e) {
    log::warning(fmt::format("{}: it is ignored, and will be written anew", e.message()));
  }
  return std::nullopt;
}

std::string to_text(const nlohmann::json& document) {
  return document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void save_json(const std::filesystem::path& path, const nlohmann::json& document, const std::filesystem::path& tmp) {
  write_file_atomically(path, to_text(document), {.mode = 0600}, tmp);
}

std::string text_at(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> texts_at(const nlohmann::json& object, const char* key) {
  std::vector<std::string> texts;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return texts;
  for (const auto& item : *found)
    if (item.is_string()) texts.push_back(item.get<std::string>());
  return texts;
}

std::optional<bool> flag_at(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() ? std::optional(found->get<bool>()) : std::nullopt;
}

SystemTime time_at(const nlohmann::json& object, const char* key) {
  return parse_time(text_at(object, key)).value_or(SystemTime{});
}

}  // namespace mxcert::store
