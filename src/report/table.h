#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mxcert::report {

/// How a result is to look: `width` in columns (less than 40 counts as 40), colours only where they are wanted.
struct TextStyle {
  std::size_t width = 80;
  bool color = false;
};

enum class Color { none, green, yellow, red, dim, bold };

/// `text` in `color`, or as it is when the style has no colours.
std::string paint(std::string_view text, Color color, const TextStyle& style);

/// Columns that UTF-8 text takes on a terminal: none for combining marks, two for East Asian wide characters.
std::size_t display_width(std::string_view text);

/// Lines of at most `width` columns, broken at spaces and at line feeds. A word is never broken, since names and
/// addresses are there to be copied: one that is longer has a line of its own.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

struct Cell {
  Cell(std::string content, Color shade = Color::none) : text(std::move(content)), color(shade) {}
  Cell(const char* content, Color shade = Color::none) : text(content), color(shade) {}

  std::string text;  // line feeds begin a new line of the cell; control characters are made visible
  Color color = Color::none;
};

using Row = std::vector<Cell>;

/// Rows under each other, columns two spaces apart and as wide as their content, no trailing spaces, one line feed
/// after each line. The last column wraps into what is left of the width; a cell of another column that is wider than
/// 40 % of it stands on a line of its own, and the row goes on below.
std::string format_table(std::span<const Row> rows, const TextStyle& style, std::size_t indent = 0);

}  // namespace mxcert::report
