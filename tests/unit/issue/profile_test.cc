#include "issue/profile.h"

#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::issue;

TEST_CASE("a profile lowers the number of names, but never raises it") {
  CHECK(limit_names("", 1000) == 1000);
  CHECK(limit_names("classic", 1000) == 100);
  CHECK(limit_names("tlsserver", 100) == 25);
  CHECK(limit_names("shortlived", 100) == 25);
  CHECK(limit_names("shortlived", 10) == 10);
  CHECK(limit_names("another", 1000) == 1000);
}

TEST_CASE("a profile that the CA does not offer is refused with those that it does") {
  acme::Directory directory;
  directory.profiles = {{.name = "classic", .description = "ninety days"}, {.name = "shortlived", .description = ""}};
  CHECK_NOTHROW(check_profile(directory, ""));
  CHECK_NOTHROW(check_profile(directory, "shortlived"));
  try {
    check_profile(directory, "tlsserver");
    FAIL("not refused");
  } catch (const Error& e) {
    CHECK(e.code() == "unknown_profile");
    CHECK_THAT(e.hint(), ContainsSubstring("classic (ninety days); shortlived"));
  }
  CHECK_THROWS_AS(check_profile({}, "classic"), Error);
}
