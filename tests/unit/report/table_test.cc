#include "report/table.h"

#include "catch.h"

using namespace mxcert::report;

TEST_CASE("columns on a terminal, not bytes") {
  CHECK(display_width("") == 0);
  CHECK(display_width("mx.example.com") == 14);
  CHECK(display_width("bücher") == 6);
  CHECK(display_width("bu\u0308cher") == 6);
  CHECK(display_width("例え") == 4);
  CHECK(display_width("한국") == 4);
  CHECK(display_width("…") == 1);
  CHECK(display_width("क्\u200dष") == 2);
  CHECK(display_width("\xff\xc3") <= 2);  // no UTF-8: miscounted at worst
}

TEST_CASE("lines break at spaces and never inside a name") {
  using Lines = std::vector<std::string>;
  CHECK(wrap("one two three", 7) == Lines{"one two", "three"});
  CHECK(wrap("one two", 3) == Lines{"one", "two"});
  CHECK(wrap("a mail.of.some.length.example b", 10) == Lines{"a", "mail.of.some.length.example", "b"});
  CHECK(wrap("first\nsecond part", 20) == Lines{"first", "second part"});
  CHECK(wrap("", 10) == Lines{""});
  CHECK(wrap("例え 例え", 8) == Lines{"例え", "例え"});
}

TEST_CASE("columns are as wide as their content and two spaces apart") {
  const std::vector<Row> rows{{"a", "bb", "c"}, {"bücher", "b", "c"}};
  CHECK(format_table(rows, {}) == "a       bb  c\nbücher  b   c\n");
  CHECK(format_table(rows, {}, 2) == "  a       bb  c\n  bücher  b   c\n");
  CHECK(format_table({}, {}) == "");
}

TEST_CASE("the last column wraps under itself, without trailing spaces") {
  const std::vector<Row> rows{{"name", "one two three four five six seven eight"}, {"", "\nx"}};
  CHECK(format_table(rows, {.width = 40}) ==
        "name  one two three four five six seven\n"
        "      eight\n"
        "\n"
        "      x\n");
}

TEST_CASE("a cell that is too wide stands alone and does not push the others aside") {
  const std::vector<Row> rows{{"a.name.that.is.far.too.long.example", "ours", "why"}, {"short", "foreign", "why"}};
  CHECK(format_table(rows, {.width = 40}) ==
        "a.name.that.is.far.too.long.example\n"
        "       ours     why\n"
        "short  foreign  why\n");
}

TEST_CASE("colours only when told, and they take no columns") {
  const std::vector<Row> rows{{{"ours", Color::green}, "x"}, {"foreign", "y"}};
  CHECK(format_table(rows, {}) == "ours     x\nforeign  y\n");
  CHECK(format_table(rows, {.color = true}) == "\x1b[32mours\x1b[0m     x\nforeign  y\n");
}

TEST_CASE("nothing in a cell can command the terminal") {
  const std::vector<Row> rows{{"\x1b[2Jx", "\x1b]0;y\x07"}};
  CHECK(format_table(rows, {}) == "\\x1b[2Jx  \\x1b]0;y\\x07\n");
}
