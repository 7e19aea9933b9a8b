#include "base/name_table.h"

#include "catch.h"

using namespace mxcert;

namespace {

enum class Color { red, green_2, blue };

constexpr auto color_names =
    name_table<Color>({{Color::red, "red"}, {Color::green_2, "green-2"}, {Color::blue, "blue"}});

// What name_table refuses to compile is seen by this alone: a value that the enumeration has, and one that it has not.
static_assert(is_enumerator<Color::green_2>());
static_assert(is_enumerator<Color::blue>());
static_assert(!is_enumerator<static_cast<Color>(3)>());
static_assert(!is_enumerator<static_cast<Color>(12)>());

}  // namespace

TEST_CASE("a value has one name, and a name its value") {
  for (const Color color : {Color::red, Color::green_2, Color::blue})
    CHECK(value_of(color_names, name_of(color_names, color)) == color);
  CHECK(name_of(color_names, Color::green_2) == "green-2");
  CHECK_FALSE(value_of(color_names, "green"));
  CHECK(name_of(color_names, static_cast<Color>(7)) == "?");
  CHECK(names_in(color_names) == std::vector<std::string>{"red", "green-2", "blue"});
}
