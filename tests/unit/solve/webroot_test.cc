#include "solve/webroot.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "catch.h"
#include "temp_dir.h"

using namespace mxcert;
using solve::Webroot;
namespace fs = std::filesystem;

namespace {

const std::string folder = ".well-known/acme-challenge";

struct Fixture {
  test::TempDir dir;
  Webroot webroot{dir.path()};
  std::string at(const std::string& path) const { return (dir / path).string(); }
  unsigned mode(const std::string& path) const {
    struct stat status {};
    REQUIRE(::stat(at(path).c_str(), &status) == 0);
    return status.st_mode & 07777;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "token files are where the CA looks, and readable for every web server, whatever the umask") {
  const mode_t before = ::umask(0077);
  webroot.publish({{"token_1-A", "token_1-A.print"}, {"other", "other.print"}});
  ::umask(before);
  CHECK(read_file(at(folder + "/token_1-A"), 100) == "token_1-A.print");
  CHECK(read_file(at(folder + "/other"), 100) == "other.print");
  CHECK(mode(folder + "/other") == 0644);
  CHECK(mode(folder) == 0755);
  CHECK(mode(".well-known") == 0755);
}

TEST_CASE_METHOD(Fixture, "everything that was made is taken away again, and nothing else") {
  const std::vector<std::string> tokens{"a", "b"};
  SECTION("all of it was missing") {
    const auto traces = webroot.traces(tokens);
    CHECK(traces == std::vector<std::string>{".well-known", folder, folder + "/a", folder + "/b"});
    webroot.publish({{"a", "1"}, {"b", "2"}});
    webroot.remove(traces);
    CHECK(fs::is_empty(dir.path()));
    webroot.remove(traces);  // gone already
  }
  SECTION("the directory was there") {
    fs::create_directories(dir / folder);
    const auto traces = webroot.traces(tokens);
    CHECK(traces == std::vector<std::string>{folder + "/a", folder + "/b"});
    webroot.publish({{"a", "1"}, {"b", "2"}});
    webroot.remove(traces);
    CHECK(fs::is_empty(dir / folder));
  }
  SECTION("somebody else put a file beside ours") {
    const auto traces = webroot.traces(tokens);
    webroot.publish({{"a", "1"}, {"b", "2"}});
    write_new_file(dir / folder / "theirs", "x", {.mode = 0644});
    webroot.remove(traces);
    CHECK(fs::exists(dir / folder / "theirs"));
    CHECK_FALSE(fs::exists(dir / folder / "a"));
  }
}

TEST_CASE_METHOD(Fixture, "a symbolic link below the webroot is not followed, neither to write nor to remove") {
  const test::TempDir elsewhere;
  SECTION("instead of the outer directory") {
    fs::create_symlink(elsewhere.path(), dir / ".well-known");
  }
  SECTION("instead of the inner one") {
    fs::create_directory(dir / ".well-known");
    fs::create_symlink(elsewhere.path(), dir / folder);
  }
  CHECK_THROWS_AS(webroot.publish({{"a", "1"}}), Error);
  fs::create_directories(elsewhere / "acme-challenge");
  write_new_file(elsewhere / "a", "x", {.mode = 0644});
  CHECK_THROWS_AS(webroot.remove(std::vector{folder + "/a"}), Error);
  CHECK(fs::exists(elsewhere / "a"));
}

TEST_CASE_METHOD(Fixture, "a link in place of a token file is replaced, and what it leads to is not written") {
  fs::create_directories(dir / folder);
  write_new_file(dir / "precious", "x", {.mode = 0644});
  fs::create_symlink(dir / "precious", dir / folder / "a");
  webroot.publish({{"a", "1"}});
  CHECK(read_file(at("precious"), 10) == "x");
  CHECK(fs::is_regular_file(fs::symlink_status(dir / folder / "a")));
}

TEST_CASE_METHOD(Fixture, "a token or a trace that would lead elsewhere is refused") {
  for (const char* token : {"../a", "a/b", "", ".", "..", "a b", "a\n"}) {
    INFO(token);
    CHECK_THROWS_AS(webroot.publish({{token, "1"}}), Error);
    CHECK_THROWS_AS(webroot.traces(std::vector<std::string>{token}), Error);
    CHECK_THROWS_AS(webroot.remove(std::vector{folder + "/" + token}), Error);
  }
  write_new_file(dir / "index", "x", {.mode = 0644});
  for (const char* path : {"index", "/etc", ".well-known/x", ".well-known/acme-challenge/../../index"})
    CHECK_THROWS_AS(webroot.remove(std::vector<std::string>{path}), Error);
  CHECK(fs::exists(dir / "index"));
}

TEST_CASE("a webroot that is not there says what a webroot is") {
  CHECK_THROWS_AS(Webroot("/nonexistent/webroot"), Error);
}
