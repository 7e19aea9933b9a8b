#include "report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include "base/text.h"

namespace mxcert::report {
namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t min_width = 40;

using Range = std::pair<char32_t, char32_t>;

/// Combining marks and other characters without a place of their own (the blocks that domain names may use).
constexpr std::array zero_width{
    Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD},   Range{0x05BF, 0x05BF}, Range{0x05C1, 0x05C2},
    Range{0x05C4, 0x05C5}, Range{0x0610, 0x061A}, Range{0x064B, 0x065F},   Range{0x0670, 0x0670}, Range{0x06D6, 0x06DC},
    Range{0x06DF, 0x06E4}, Range{0x06E7, 0x06E8}, Range{0x06EA, 0x06ED},   Range{0x0711, 0x0711}, Range{0x0730, 0x074A},
    Range{0x0900, 0x0902}, Range{0x093A, 0x093A}, Range{0x093C, 0x093C},   Range{0x0941, 0x0948}, Range{0x094D, 0x094D},
    Range{0x0951, 0x0957}, Range{0x0962, 0x0963}, Range{0x0981, 0x0981},   Range{0x09BC, 0x09BC}, Range{0x09C1, 0x09C4},
    Range{0x09CD, 0x09CD}, Range{0x0A01, 0x0A02}, Range{0x0A3C, 0x0A3C},   Range{0x0A41, 0x0A51}, Range{0x0A70, 0x0A71},
    Range{0x0ABC, 0x0ABC}, Range{0x0AC1, 0x0AC8}, Range{0x0ACD, 0x0ACD},   Range{0x0BC0, 0x0BC0}, Range{0x0BCD, 0x0BCD},
    Range{0x0C3E, 0x0C40}, Range{0x0C46, 0x0C56}, Range{0x0CBC, 0x0CBC},   Range{0x0CCC, 0x0CCD}, Range{0x0D41, 0x0D44},
    Range{0x0D4D, 0x0D4D}, Range{0x0DCA, 0x0DCA}, Range{0x0DD2, 0x0DD6},   Range{0x0E31, 0x0E31}, Range{0x0E34, 0x0E3A},
    Range{0x0E47, 0x0E4E}, Range{0x0EB1, 0x0EB1}, Range{0x0EB4, 0x0EBC},   Range{0x0EC8, 0x0ECD}, Range{0x0F71, 0x0F84},
    Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF}, Range{0x200B, 0x200F},   Range{0x20D0, 0x20FF}, Range{0x3099, 0x309A},
    Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F}, Range{0xE0100, 0xE01EF},
};

/// East Asian wide and full-width characters (UAX #11).
constexpr std::array double_width{
    Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0x3098},   Range{0x309B, 0x33FF},
    Range{0x3400, 0x4DBF},   Range{0x4E00, 0x9FFF},   Range{0xA000, 0xA4CF},   Range{0xA960, 0xA97C},
    Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},   Range{0xFF01, 0xFF60},
    Range{0xFFE0, 0xFFE6},   Range{0x16FE0, 0x18DFF}, Range{0x1B000, 0x1B2FF}, Range{0x1F300, 0x1F64F},
    Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD},
};

template <std::size_t size>
bool is_in(const std::array<Range, size>& ranges, char32_t character) {
  const auto after = std::ranges::upper_bound(ranges, character, {}, &Range::first);
  return after != ranges.begin() && character <= std::prev(after)->second;
}

/// The character at the front, taken away. Invalid UTF-8 is miscounted, no more.
char32_t take_character(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t length = byte(0) < 0xC0 ? 1 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
  char32_t character = length == 1 ? byte(0) : byte(0) & (0xFFU >> (length + 1));
  const std::size_t available = std::min(length, text.size());
  for (std::size_t i = 1; i < available; ++i)
    character = character << 6 | (byte(i) & 0x3FU);
  text.remove_prefix(available);
  return character;
}

void wrap_line(std::vector<std::string>& lines, std::string_view text, std::size_t width) {
  std::string line;
  std::size_t used = 0;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    const std::size_t columns = display_width(word);
    if (!line.empty() && used + 1 + columns > width) {
      lines.push_back(std::exchange(line, {}));
      used = 0;
    }
    if (!line.empty()) {
      line += ' ';
      ++used;
    }
    line += word;
    used += columns;
  }
  lines.push_back(std::move(line));
}

std::string clean(std::string_view line) {
  return printable(line, std::numeric_limits<std::size_t>::max());
}

/// Widths of all columns but the last. What is wider than the limit does not count: it stands alone.
std::vector<std::size_t> column_widths(std::span<const Row> rows, std::size_t limit) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    if (row.size() > widths.size() + 1) widths.resize(row.size() - 1);
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
      if (const std::size_t width = display_width(clean(row[i].text)); width <= limit)
        widths[i] = std::max(widths[i], width);
  }
  return widths;
}

/// Writes lines with a cursor that knows its column; spaces are written only before something visible.
class Page {
 public:
  explicit Page(const TextStyle& style) : style_(style) {}

  void move_to(std::size_t column) {
    if (column < column_) end_line();
    wanted_ = column;
  }
  void put(const std::string& text, Color color) {
    if (text.empty()) return;
    out_.append(wanted_ - column_, ' ');
    out_ += paint(text, color, style_);
    column_ = wanted_ + display_width(text);
    wanted_ = column_;
  }
  void end_line() {
    out_ += '\n';
    column_ = wanted_ = 0;
  }
  std::string take() { return std::move(out_); }

 private:
  const TextStyle& style_;
  std::string out_;
  std::size_t column_ = 0;
  std::size_t wanted_ = 0;
};

void put_last_cell(Page& page, const Cell& cell, std::size_t column, std::size_t width) {
  page.move_to(column);
  bool first = true;
  for (const std::string& line : wrap(cell.text, width > column + 20 ? width - column : 20)) {
    if (!std::exchange(first, false)) page.end_line();
    page.move_to(column);
    page.put(line, cell.color);
  }
}

}  // namespace

std::string paint(std::string_view text, Color color, const TextStyle& style) {
  if (!style.color || color == Color::none) return std::string(text);
  const int code = color == Color::green    ? 32
                   : color == Color::yellow ? 33
                   : color == Color::red    ? 31
                   : color == Color::dim    ? 2
                                            : 1;
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const char32_t character = take_character(text);
    width += is_in(zero_width, character) ? 0 : is_in(double_width, character) ? 2 : 1;
  }
  return width;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  for (const std::string_view line : split(text, '\n'))
    wrap_line(lines, clean(line), width);
  return lines;
}

std::string format_table(std::span<const Row> rows, const TextStyle& style, std::size_t indent) {
  const std::size_t width = std::max(style.width, min_width);
  const std::vector<std::size_t> widths = column_widths(rows, width * 2 / 5);
  Page page(style);
  for (const Row& row : rows) {
    std::size_t column = indent;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      page.move_to(column);
      page.put(clean(row[i].text), row[i].color);
      column += widths[i] + gap;
    }
    if (!row.empty()) put_last_cell(page, row.back(), column, width);
    page.end_line();
  }
  return page.take();
}

}  // namespace mxcert::report
