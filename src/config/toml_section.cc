#include "config/toml_section.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace mxcert::config {
namespace {

const char* kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

}  // namespace

TomlSection::TomlSection(const toml::table& table, std::string name, std::string file)
    : table_(&table), name_(std::move(name)), file_(std::move(file)) {
}

std::string TomlSection::where(const toml::node& node) const {
  const auto begin = node.source().begin;
  return fmt::format("{}:{}:{}", file_, begin.line, begin.column);
}

std::string TomlSection::where() const {
  return where(*table_);
}

const toml::node* TomlSection::find(const char* key) {
  known_.emplace_back(key);
  return table_->get(key);
}

void TomlSection::refuse(const toml::node& node, const char* key, const char* expected) const {
  throw ConfigError(fmt::format("{}: {} must be {}, not {}", where(node), key, expected, kind_of(node)));
}

std::string TomlSection::text_of(const toml::node& node, const char* key) const {
  const auto* value = node.as_string();
  if (value == nullptr) refuse(node, key, "a text in quotes");
  if (value->get().find('\0') != std::string::npos)
    throw ConfigError(fmt::format("{}: {} holds a NUL", where(node), key));
  return value->get();
}

std::optional<SourcedText> TomlSection::text(const char* key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  return SourcedText{text_of(*node, key), where(*node)};
}

std::optional<bool> TomlSection::flag(const char* key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_boolean()) refuse(*node, key, "true or false");
  return node->as_boolean()->get();
}

std::optional<std::int64_t> TomlSection::number(const char* key, std::int64_t min, std::int64_t max) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_integer()) refuse(*node, key, "a whole number");
  const std::int64_t value = node->as_integer()->get();
  if (value < min || value > max)
    throw ConfigError(fmt::format("{}: {} must be between {} and {}, not {}", where(*node), key, min, max, value));
  return value;
}

std::optional<std::vector<SourcedText>> TomlSection::texts(const char* key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const toml::array* array = node->as_array();
  if (array == nullptr) refuse(*node, key, "a list of texts, as in [\"…\", \"…\"]");
  std::vector<SourcedText> texts;
  for (const toml::node& item : *array)
    texts.push_back({text_of(item, key), where(item)});
  return texts;
}

std::optional<TomlSection> TomlSection::section(const char* key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_table()) refuse(*node, key, fmt::format("a table, as in [{}]", key).c_str());
  return TomlSection(*node->as_table(), key, file_);
}

std::vector<std::variant<SourcedText, TomlSection>> TomlSection::texts_or_sections(const char* key) {
  const toml::node* node = find(key);
  std::vector<std::variant<SourcedText, TomlSection>> found;
  if (node == nullptr) return found;
  const toml::array* array = node->as_array();
  if (array == nullptr) refuse(*node, key, "a list, as in [\"…\", \"…\"]");
  for (const toml::node& item : *array) {
    if (const auto* table = item.as_table())
      found.emplace_back(TomlSection(*table, key, file_));
    else
      found.emplace_back(SourcedText{text_of(item, key), where(item)});
  }
  return found;
}

std::vector<TomlSection> TomlSection::sections(const char* key) {
  const toml::node* node = find(key);
  std::vector<TomlSection> found;
  if (node == nullptr) return found;
  const std::string expected = fmt::format("a list of tables, as in [[{}]]", key);
  const toml::array* array = node->as_array();
  if (array == nullptr) refuse(*node, key, expected.c_str());
  for (const toml::node& item : *array) {
    if (!item.is_table()) refuse(item, key, expected.c_str());
    found.emplace_back(*item.as_table(), key, file_);
  }
  return found;
}

void TomlSection::finish() const {
  for (const auto& [key, node] : *table_) {
    const std::string name(key.str());
    if (std::ranges::find(known_, name) != known_.end()) continue;
    const auto begin = key.source().begin;
    const auto nearest = closest_match(name, known_);
    throw ConfigError(
        fmt::format("{}:{}:{}: unknown key {}{}", file_, begin.line, begin.column, printable(name, 100),
                    name_.empty() ? "" : fmt::format(" in [{}]", name_)),
        nearest ? fmt::format("did you mean {}?", *nearest) : fmt::format("known here: {}", join(known_, ", ")));
  }
}

}  // namespace mxcert::config
