#include "deploy/journal.h"

#include <sys/stat.h>

#include "base/error.h"
#include "catch.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::deploy;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

FileState state_of(const std::string& content, mode_t mode = 0640) {
  return {.content = content, .attributes = {.mode = mode, .owner = ::geteuid(), .group = ::getegid()}};
}
void put(const fs::path& path, const std::string& content) {
  write_file_atomically(path, content, {.mode = 0640});
}
mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("a journal is read as it was written, and nobody else can read it") {
  const TempDir dir;
  const fs::path directory = dir / "journal";
  const std::vector<FileChange> changes{
      {.path = "/etc/a key", .before = state_of(std::string("old\0key", 7)), .after = state_of("new")},
      {.path = "/etc/crt", .after = state_of("new")}};
  save_journal(directory, {.certificate_name = "mx.example.com",
                           .names = {"mx.example.com"},
                           .role = Role::sni,
                           .configures = true,
                           .files = keep(changes)});
  CHECK(mode_of(directory) == 0700);
  for (const auto& entry : fs::directory_iterator(directory))
    CHECK(mode_of(entry.path()) == 0600);
  const auto journal = load_journal(directory);
  REQUIRE(journal);
  CHECK(journal->certificate_name == "mx.example.com");
  CHECK(journal->names == std::vector<std::string>{"mx.example.com"});
  CHECK(journal->role == Role::sni);
  CHECK(journal->configures);
  REQUIRE(journal->files.size() == 2);
  CHECK(journal->files[0].path == "/etc/a key");
  REQUIRE(journal->files[0].before);
  CHECK(journal->files[0].before->content == std::string("old\0key", 7));
  CHECK(journal->files[0].before->attributes.mode == 0640);
  CHECK(journal->files[0].before->attributes.owner == ::geteuid());
  CHECK_FALSE(journal->files[1].before);
}

TEST_CASE("a journal that is added to keeps what it knew of a file, and learns of others") {
  const TempDir dir;
  const auto one = [](const char* path, const char* before) {
    return std::vector<KeptFile>{{.path = path, .before = state_of(before)}};
  };
  add_to_journal(dir.path(), {.certificate_name = "mx", .names = {}, .files = one("/etc/key", "first")});
  CHECK_FALSE(load_journal(dir.path())->configures);
  put(dir / "1.previous", "of a run that was killed");
  Journal more{.certificate_name = "mx", .names = {}, .configures = true, .files = one("/etc/key", "second")};
  more.files.push_back({.path = "/etc/other", .before = state_of("other")});
  add_to_journal(dir.path(), more);
  add_to_journal(dir.path(), {.certificate_name = "mx", .names = {}, .files = one("/etc/other", "later")});
  const auto journal = load_journal(dir.path());
  CHECK(journal->configures);
  REQUIRE(journal->files.size() == 2);
  CHECK(journal->files[0].before->content == "first");
  CHECK(journal->files[1].before->content == "other");
}

TEST_CASE("a journal that was not finished is none, and no key of it is left") {
  const TempDir dir;
  put(dir / "0.previous", "old key");
  CHECK_FALSE(load_journal(dir.path()));
  remove_journal(dir.path());
  CHECK(fs::is_empty(dir.path()));
}

TEST_CASE("a finished deployment leaves no key in the journal's directory") {
  const TempDir dir;
  save_journal(dir.path(), {.certificate_name = "mx",
                            .names = {},
                            .files = {{.path = "/etc/key", .before = state_of("old"), .after_sha256 = ""}}});
  remove_journal(dir.path());
  CHECK(fs::is_empty(dir.path()));
}

TEST_CASE("what was there at first is handed over once, whatever later deployments replace") {
  const TempDir dir;
  const auto journal = [](const char* before, const char* path) {
    return Journal{.certificate_name = "mx",
                   .names = {},
                   .files = {{.path = path, .before = state_of(before), .after_sha256 = ""}}};
  };
  const std::vector<std::pair<const char*, const char*>> deployments{
      {"the first", "/etc/key"}, {"the second", "/etc/key"}, {"another file", "/etc/crt"}};
  for (const auto& [before, path] : deployments) {
    save_journal(dir / "unfinished", journal(before, path));
    hand_over_journal(dir / "unfinished", dir / "original", journal(before, path));
    CHECK_FALSE(load_journal(dir / "unfinished"));
  }
  const auto original = load_journal(dir / "original");
  REQUIRE(original);
  REQUIRE(original->files.size() == 2);
  CHECK(original->files[0].before->content == "the first");
  CHECK(original->files[1].before->content == "another file");
}

TEST_CASE("what another certificate has replaced first is what was there before, and not that certificate") {
  const TempDir dir;
  const auto journal = [](const char* before, bool configures) {
    return Journal{.certificate_name = "mx",
                   .names = {},
                   .configures = configures,
                   .files = {{.path = "/etc/key", .before = state_of(before), .after_sha256 = ""}}};
  };
  save_journal(dir / "other", journal("the administrator's", true));
  save_journal(dir / "unfinished", journal("the other one's", false));
  const std::vector<fs::path> others{dir / "none", dir / "other"};
  hand_over_journal(dir / "unfinished", dir / "original", journal("the other one's", false), others);
  CHECK_FALSE(load_journal(dir / "unfinished"));
  const auto original = load_journal(dir / "original");
  REQUIRE(original);
  CHECK(original->configures);
  CHECK(original->files.at(0).before->content == "the administrator's");
}

TEST_CASE("a damaged journal says where it is and what to do") {
  const TempDir dir;
  for (const char* text : {"{", "{}", "[]", R"({"certificate": "a", "names": [], "configures": 1, "files": []})"}) {
    put(dir / "journal.json", text);
    try {
      load_journal(dir.path());
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK_THAT(e.message(), ContainsSubstring("journal.json is damaged"));
      CHECK_THAT(e.hint(), ContainsSubstring("by hand"));
    }
  }
}

TEST_CASE("a half-made change is undone, whichever half was made") {
  const TempDir dir;
  const std::vector<FileChange> changes{
      {.path = dir / "key", .before = state_of("old key"), .after = state_of("new key")},
      {.path = dir / "crt", .before = state_of("old crt"), .after = state_of("new crt")},
      {.path = dir / "made", .after = state_of("new")}};
  const auto kept = keep(changes);
  put(dir / "key", "new key");
  put(dir / "crt", "old crt");
  put(dir / "made", "new");
  const Restoration restoration = plan_restoration(kept);
  CHECK_FALSE(restoration.taken_over);
  CHECK(restoration.changes.size() == 2);
  make_changes(restoration.changes, {});
  CHECK(read_file(dir / "key", 99) == "old key");
  CHECK(read_file(dir / "crt", 99) == "old crt");
  CHECK_FALSE(fs::exists(dir / "made"));
  CHECK(plan_restoration(kept).changes.empty());
}

TEST_CASE("a file that somebody else has written or removed since is told") {
  const TempDir dir;
  const std::vector<FileChange> changes{
      {.path = dir / "key", .before = state_of("old key"), .after = state_of("new key")}};
  put(dir / "key", "the administrator's");
  CHECK(plan_restoration(keep(changes)).taken_over == dir / "key");
  fs::remove(dir / "key");
  CHECK(plan_restoration(keep(changes)).taken_over == dir / "key");
}

TEST_CASE("a path that cannot be recorded is refused while nothing is changed") {
  const TempDir dir;
  const std::vector<FileChange> changes{{.path = "/etc/\xff.pem", .before = state_of("old"), .after = state_of("new")}};
  CHECK_THROWS_WITH(
      save_journal(dir / "journal", {.certificate_name = "mx.example.com", .names = {}, .files = keep(changes)}),
      ContainsSubstring("cannot be recorded"));
  CHECK_FALSE(load_journal(dir / "journal"));
}
