#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.h"

// For the .cc files of this folder only.
namespace mxcert::store {

/// The JSON document in `path`; empty, with a warning when it is there but damaged or cannot be read, since what we
/// keep in JSON can be rebuilt.
std::optional<nlohmann::json> load_json(const std::filesystem::path& path);
/// Indented, with a newline; text that is not UTF-8 is mended.
std::string to_text(const nlohmann::json& document);
/// Replaces `path` (0600) atomically by way of `tmp`.
void save_json(const std::filesystem::path& path, const nlohmann::json& document, const std::filesystem::path& tmp);

/// The text under `key`, empty when it is missing or no text.
std::string text_at(const nlohmann::json& object, const char* key);
std::vector<std::string> texts_at(const nlohmann::json& object, const char* key);
/// Empty when it is missing or neither true nor false.
std::optional<bool> flag_at(const nlohmann::json& object, const char* key);
/// The epoch when it is missing or no time.
SystemTime time_at(const nlohmann::json& object, const char* key);

}  // namespace mxcert::store
