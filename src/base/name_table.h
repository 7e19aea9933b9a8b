#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace mxcert {

/// What the values of an enumeration are called where machines read them; each once, none left out.
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

}  // namespace mxcert
