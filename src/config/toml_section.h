#pragma once
#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// For the .cc files of this folder only: toml++ is slow to compile.
namespace mxcert::config {

/// A text of the configuration and where it stands, for messages: `/etc/mxcert/mxcert.toml:12:11`.
struct SourcedText {
  std::string text;
  std::string where;
};

/// One table of the configuration. Every key that is read is thereby known; `finish` refuses the others: a misspelled
/// `reuse_key` must not be found out by DANE.
/// All throw ConfigError that begins with file:line:column.
class TomlSection {
 public:
  TomlSection(const toml::table& table, std::string name, std::string file);

  std::optional<SourcedText> text(const char* key);
  std::optional<bool> flag(const char* key);
  std::optional<std::int64_t> number(const char* key, std::int64_t min, std::int64_t max);
  std::optional<std::vector<SourcedText>> texts(const char* key);
  /// The same, empty when the key is missing.
  std::vector<SourcedText> list(const char* key) { return texts(key).value_or(std::vector<SourcedText>{}); }
  std::optional<TomlSection> section(const char* key);
  /// A list whose entries may each be a text or a table; empty when the key is missing.
  std::vector<std::variant<SourcedText, TomlSection>> texts_or_sections(const char* key);
  /// The tables of an array of tables, `[[key]]`.
  std::vector<TomlSection> sections(const char* key);

  /// Throws unless every key of the table was asked for, with the nearest known one as hint.
  void finish() const;
  /// file:line:column of the table itself.
  std::string where() const;

 private:
  const toml::node* find(const char* key);
  std::string where(const toml::node& node) const;
  [[noreturn]] void refuse(const toml::node& node, const char* key, const char* expected) const;
  std::string text_of(const toml::node& node, const char* key) const;

  const toml::table* table_;
  std::string name_;  // empty for the document itself
  std::string file_;
  std::vector<std::string> known_;
};

}  // namespace mxcert::config
