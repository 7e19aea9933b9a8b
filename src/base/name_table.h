#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the values of an enumeration are called where machines read or write them.
//
//     constexpr auto state_names = name_table<State>({{State::open, "open"}, {State::closed, "closed"}});
namespace mxcert {

/// Each value once, none left out.
template <typename Value, std::size_t count>
using NameTable = std::array<std::pair<Value, std::string_view>, count>;

/// `?` for a value that is not in the table.
template <typename Value, std::size_t count>
constexpr std::string_view name_of(const NameTable<Value, count>& table, Value value) {
  for (const auto& [candidate, name] : table)
    if (candidate == value) return name;
  return "?";
}

/// Empty for a name that is not in the table.
template <typename Value, std::size_t count>
constexpr std::optional<Value> value_of(const NameTable<Value, count>& table, std::string_view name) {
  for (const auto& [value, candidate] : table)
    if (candidate == name) return value;
  return std::nullopt;
}

/// All of them, to tell somebody who wrote another one.
template <typename Value, std::size_t count>
std::vector<std::string> names_in(const NameTable<Value, count>& table) {
  std::vector<std::string> names;
  for (const auto& [value, name] : table)
    names.emplace_back(name);
  return names;
}

/// Whether the enumeration has a name for `value`; compilers write the others as a cast, `(Color)7`.
template <auto value>
consteval bool is_enumerator() {
  const std::string_view signature = __PRETTY_FUNCTION__;
  const char after_bracket = signature[signature.rfind(')') + 1];
  return after_bracket < '0' || after_bracket > '9';
}

/// Does not compile when an enumeration that counts from 0 has a value more than the table, or one is there twice.
template <typename Value, std::size_t count>
consteval NameTable<Value, count> name_table(const std::pair<Value, std::string_view> (&entries)[count]) {
  const auto table = std::to_array(entries);
  for (const auto& [value, name] : table)
    if (value_of(table, name) != value || name_of(table, value) != name) throw "a value or a name is there twice";
  const auto misses = [&](Value value, bool exists) { return exists && name_of(table, value) == "?"; };
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    if ((misses(static_cast<Value>(i), is_enumerator<static_cast<Value>(i)>()) || ...)) throw "a value has no name";
  }
  (std::make_index_sequence<count + 1>());
  return table;
}

}  // namespace mxcert
