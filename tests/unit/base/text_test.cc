#include "base/text.h"

#include "catch.h"

using namespace mxcert;
using namespace std::string_literals;

TEST_CASE("control characters from the network never reach a terminal") {
  CHECK(printable("bücher") == "bücher");
  CHECK(printable("a\x1b[31mb\nc\x7f") == "a\\x1b[31mb\\x0ac\\x7f");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");           // C1 control: CSI
  CHECK(printable("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");           // not UTF-8
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // a surrogate
  CHECK(printable(std::string(50, 'x'), 10) == "xxxxxxxxxx…");
}

TEST_CASE("base64url is RFC 4648 section 5 without padding") {
  CHECK(to_base64url("") == "");
  CHECK(to_base64url("f") == "Zg");
  CHECK(to_base64url("fo") == "Zm8");
  CHECK(to_base64url("foo") == "Zm9v");
  CHECK(to_base64url("\xfb\xff") == "-_8");
  CHECK(from_base64url("-_8") == "\xfb\xff"s);
  CHECK_FALSE(from_base64url("Zg=="));
  CHECK_FALSE(from_base64url("Z"));
  CHECK_FALSE(from_base64url("Zh"));  // bits beyond the last byte must be zero
  CHECK_FALSE(from_base64url("+/8"));
}

TEST_CASE("a misspelling finds its word") {
  const std::vector<std::string> words{"contact", "agree_tos", "certificate", "challenge"};
  CHECK(closest_match("contcat", words) == "contact");
  CHECK(closest_match("agreetos", words) == "agree_tos");
  CHECK_FALSE(closest_match("zzz", words));
}

TEST_CASE("parts between separators") {
  CHECK(split("a::b", ':') == std::vector<std::string_view>{"a", "", "b"});
  CHECK(trim(" \t x y \r\n") == "x y");
  CHECK(count_of(1, "name") == "1 name");
  CHECK(count_of(2, "name") == "2 names");
  CHECK(to_hex("\x01\xfe") == "01fe");
}
