#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "catch.h"
#include "temp_dir.h"

using namespace mxcert;
using test::TempDir;
namespace fs = std::filesystem;

namespace {
mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}
std::size_t entries_in(const fs::path& path) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}
}  // namespace

TEST_CASE("a file is replaced with its final mode, whatever the umask") {
  const TempDir dir;
  const mode_t old = ::umask(0);
  write_file_atomically(dir / "key", "secret", {.mode = 0600});
  ::umask(0777);
  write_file_atomically(dir / "public", "text", {.mode = 0644});
  ::umask(old);
  CHECK(read_file(dir / "key", 100) == "secret");
  CHECK(mode_of(dir / "key") == 0600);
  CHECK(mode_of(dir / "public") == 0644);
  write_file_atomically(dir / "key", "other", {.mode = 0640});
  CHECK(read_file(dir / "key", 100) == "other");
  CHECK(mode_of(dir / "key") == 0640);
  CHECK(entries_in(dir.path()) == 2);
}

TEST_CASE("a failed replacement leaves the old file and no temporary one") {
  const TempDir dir;
  fs::create_directory(dir / "target");
  fs::create_directory(dir / "target/full");  // rename over a directory that is not empty fails
  CHECK_THROWS_AS(write_file_atomically(dir / "target", "x", {}), Error);
  CHECK(entries_in(dir.path()) == 1);
}

TEST_CASE("a full disk is told, and nothing is half-written") {
  if (!fs::exists("/dev/full")) return;
  const Fd full(::open("/dev/full", O_WRONLY));
  try {
    write_all(full.get(), "x", "/dev/full");
    FAIL("no error");
  } catch (const Error& e) {
    CHECK_THAT(e.message(), ContainsSubstring("No space left on device"));
    CHECK_THAT(e.hint(), ContainsSubstring("free some space"));
  }
}

TEST_CASE("only regular files of a sane size are read") {
  const TempDir dir;
  write_file_atomically(dir / "big", std::string(1000, 'x'), {});
  CHECK_THROWS_WITH(read_file(dir / "big", 999), ContainsSubstring("larger than 999 bytes"));
  CHECK_THROWS_WITH(read_file(dir.path(), 10), ContainsSubstring("not a regular file"));
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  CHECK_THROWS_WITH(read_file(dir / "pipe", 10), ContainsSubstring("not a regular file"));
  CHECK_FALSE(read_file_if_exists(dir / "missing", 10));
  CHECK_THROWS_WITH(read_file(dir / "missing", 10), ContainsSubstring("No such file"));
}

TEST_CASE("a new file is never an existing one, nor what a link points at") {
  const TempDir dir;
  write_new_file(dir / "a", "1", {});
  CHECK_THROWS_AS(write_new_file(dir / "a", "2", {}), Error);
  fs::create_symlink(dir / "b", dir / "link");
  CHECK_THROWS_AS(write_new_file(dir / "link", "2", {}), Error);
  CHECK_FALSE(fs::exists(dir / "b"));
}

TEST_CASE("a link moves in one step") {
  const TempDir dir;
  replace_symlink("one", dir / "link");
  replace_symlink("two", dir / "link");
  CHECK(fs::read_symlink(dir / "link") == "two");
  CHECK(entries_in(dir.path()) == 1);
}

TEST_CASE("missing directories are made, the last with its mode") {
  const TempDir dir;
  make_directory(dir / "a/b", 0700);
  CHECK(mode_of(dir / "a/b") == 0700);
  CHECK(mode_of(dir / "a") == 0755);
  make_directory(dir / "a/b", 0755);
  CHECK(mode_of(dir / "a/b") == 0700);
  write_file_atomically(dir / "file", "", {});
  CHECK_THROWS_WITH(make_directory(dir / "file", 0700), ContainsSubstring("is not a directory"));
}

TEST_CASE("a descriptor that was given away is not closed by its former owner") {
  int descriptors[2];
  REQUIRE(::pipe(descriptors) == 0);
  const Fd reader(descriptors[0]);
  int given = -1;
  {
    Fd writer(descriptors[1]);
    given = writer.release();
    CHECK_FALSE(writer);
  }
  CHECK(::write(given, "x", 1) == 1);
  ::close(given);
}

TEST_CASE("what a directory holds is listed in order, and why it cannot be is told with its path") {
  const TempDir dir;
  for (const char* name : {"b", "a", "c"})
    write_new_file(dir / name, "", {});
  CHECK(list_directory(dir.path()) == std::vector<fs::path>{dir / "a", dir / "b", dir / "c"});
  CHECK_THROWS_WITH(list_directory(dir / "a"), "cannot read directory " + (dir / "a").string() + ": Not a directory");
  CHECK_THROWS_WITH(list_directory(dir / "none"), ContainsSubstring("none: No such file or directory"));
  CHECK(list_directory_if_exists(dir / "none").empty());
  CHECK_THROWS_AS(list_directory_if_exists(dir / "a"), Error);
}

TEST_CASE("what cannot be looked at is neither there nor not there") {
  const TempDir dir;
  fs::create_symlink("loop", dir / "loop");
  fs::create_symlink("none", dir / "dangling");
  write_new_file(dir / "file", "", {});
  const std::string complaint = "cannot look at " + (dir / "loop").string() + ": Too many levels of symbolic links";
  CHECK_THROWS_WITH(path_exists(dir / "loop"), complaint);
  CHECK_THROWS_WITH(directory_exists(dir / "loop"), complaint);
  CHECK_THROWS_AS(find_real_path(dir / "loop"), Error);
  CHECK_FALSE(path_exists(dir / "dangling"));
  CHECK_FALSE(path_exists(dir / "file/below"));
  CHECK_FALSE(path_exists(dir / std::string(300, 'x')));
  CHECK_FALSE(find_real_path(dir / "dangling"));
  CHECK(path_exists(dir / "file"));
  CHECK_FALSE(directory_exists(dir / "file"));
  CHECK(directory_exists(dir.path()));
}

TEST_CASE("a link is read as it was written") {
  const TempDir dir;
  fs::create_symlink("../elsewhere", dir / "link");
  write_new_file(dir / "file", "", {});
  CHECK(find_link_target(dir / "link") == fs::path("../elsewhere"));
  CHECK_FALSE(find_link_target(dir / "file"));
  CHECK_FALSE(find_link_target(dir / "none"));
  fs::create_symlink("loop", dir / "loop");
  CHECK_THROWS_WITH(find_link_target(dir / "loop/x"), ContainsSubstring((dir / "loop/x").string()));
}

TEST_CASE("what is to be removed may be missing, and what cannot be removed is told with its path") {
  const TempDir dir;
  write_new_file(dir / "file", "", {});
  CHECK(remove_file(dir / "file"));
  CHECK_FALSE(remove_file(dir / "file"));
  fs::create_directories(dir / "tree/below");
  CHECK_THROWS_WITH(remove_file(dir / "tree"), "cannot remove " + (dir / "tree").string() + ": Directory not empty");
  remove_tree(dir / "tree");
  remove_tree(dir / "tree");
  CHECK_FALSE(path_exists(dir / "tree"));
  CHECK_THROWS_WITH(remove_tree("/proc/self/fd"), ContainsSubstring("cannot remove /proc/self/fd: "));
}

TEST_CASE("a relative path begins at the current directory, if there is one") {
  CHECK(make_absolute("/a/b") == "/a/b");
  CHECK(make_absolute("a") == fs::current_path() / "a");
  CHECK_THROWS_AS(make_absolute(""), ConfigError);
  const fs::path before = fs::current_path();
  {
    const TempDir gone;
    fs::current_path(gone.path());
  }
  CHECK_THROWS_WITH(make_absolute("a"), ContainsSubstring("no current directory"));
  fs::current_path(before);
}
