#include "deploy/install.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "base/error.h"
#include "catch.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::deploy;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

const pki::CertificateBundle bundle{.private_key = "KEY\n", .leaf = "LEAF\n", .chain = "CHAIN\n"};

Delivery delivery_from(const fs::path& lineage = {}) {
  return {.certificate_name = "mx", .names = {}, .bundle = bundle, .lineage = lineage};
}
DaemonFile file_at(const fs::path& path, Content content, mode_t mode = 0640) {
  return {.path = path, .content = content, .attributes = {.mode = mode}};
}
mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}
ino_t inode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_ino;
}
std::size_t entries_in(const fs::path& path) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}
void put(const fs::path& path, const std::string& content, mode_t mode = 0640) {
  write_file_atomically(path, content, {.mode = mode});
}
void install(const std::vector<DaemonFile>& files, const fs::path& lineage = {}) {
  make_changes(plan_changes(files, delivery_from(lineage)), {});
}

}  // namespace

TEST_CASE("each file gets its part of the certificate, with its final mode") {
  const TempDir dir;
  install({file_at(dir / "key", Content::privkey, 0600), file_at(dir / "leaf", Content::cert, 0644),
           file_at(dir / "chain", Content::chain, 0644), file_at(dir / "full", Content::fullchain),
           file_at(dir / "all", Content::bundle)});
  CHECK(read_file(dir / "key", 99) == "KEY\n");
  CHECK(read_file(dir / "leaf", 99) == "LEAF\n");
  CHECK(read_file(dir / "chain", 99) == "CHAIN\n");
  CHECK(read_file(dir / "full", 99) == "LEAF\nCHAIN\n");
  CHECK(read_file(dir / "all", 99) == "KEY\nLEAF\nCHAIN\n");
  CHECK(mode_of(dir / "key") == 0600);
  CHECK(mode_of(dir / "full") == 0640);
  CHECK(entries_in(dir.path()) == 5);
}

TEST_CASE("a key that stays the same is not written") {
  const TempDir dir;
  put(dir / "key", "KEY\n");
  put(dir / "crt", "OLD\n");
  const ino_t key = inode_of(dir / "key");
  const ino_t certificate = inode_of(dir / "crt");
  install({file_at(dir / "key", Content::privkey), file_at(dir / "crt", Content::fullchain)});
  CHECK(inode_of(dir / "key") == key);
  CHECK(inode_of(dir / "crt") != certificate);
}

TEST_CASE("a file with the right content and the wrong mode is replaced") {
  const TempDir dir;
  put(dir / "key", "KEY\n", 0644);
  install({file_at(dir / "key", Content::privkey)});
  CHECK(mode_of(dir / "key") == 0640);
}

TEST_CASE("a symbolic link is followed to the real file and stays a link") {
  const TempDir dir;
  fs::create_directory(dir / "real");
  put(dir / "real/file", "OLD");
  fs::create_symlink("real/file", dir / "second");
  fs::create_symlink(dir / "second", dir / "first");
  install({file_at(dir / "first", Content::cert)});
  CHECK(fs::is_symlink(dir / "first"));
  CHECK(fs::is_symlink(dir / "second"));
  CHECK(read_file(dir / "real/file", 99) == "LEAF\n");
}

TEST_CASE("a dangling link leads to where the file is made; a circle leads nowhere") {
  const TempDir dir;
  fs::create_symlink("new", dir / "link");
  install({file_at(dir / "link", Content::cert)});
  CHECK(fs::is_symlink(dir / "link"));
  CHECK(read_file(dir / "new", 99) == "LEAF\n");
  fs::create_symlink("b", dir / "a");
  fs::create_symlink("a", dir / "b");
  CHECK_THROWS_WITH(follow_links(dir / "a"), ContainsSubstring("too many symbolic links"));
}

TEST_CASE("a directory that is missing is not made, but told") {
  const TempDir dir;
  CHECK_THROWS_WITH(install({file_at(dir / "no/file", Content::cert)}), ContainsSubstring("there is no directory"));
}

TEST_CASE("files of certbot, of Debian and of mxcert's own store are refused") {
  const TempDir dir;
  const auto files = [](const fs::path& path) { return std::vector{file_at(path, Content::cert)}; };
  fs::create_directories(dir / "certificates/mx/0001");
  fs::create_directories(dir / "certificates/mx/0002");
  fs::create_directories(dir / "live");
  fs::create_symlink("../certificates/mx/0002", dir / "live/mx");
  put(dir / "certificates/mx/0002/cert.pem", "LEAF\n");
  CHECK_THROWS_WITH(install(files(dir / "live/mx/cert.pem"), dir / "live/mx"), ContainsSubstring("mxcert's own store"));
  CHECK_THROWS_WITH(install(files(dir / "certificates/mx/0001/cert.pem"), dir / "live/mx"),
                    ContainsSubstring("mxcert's own store"));
  CHECK_THROWS_WITH(install(files(dir / "ssl-cert-snakeoil.pem")), ContainsSubstring("snakeoil"));
  install(files(dir / "certificates/cert.pem"), dir / "live/mx");  // beside it is nobody's
  if (fs::is_directory("/etc/letsencrypt"))
    CHECK_THROWS_WITH(install(files("/etc/letsencrypt/x.pem")), ContainsSubstring("belongs to certbot"));
}

TEST_CASE("one file cannot hold two things") {
  const TempDir dir;
  fs::create_symlink("crt", dir / "key");
  CHECK_THROWS_WITH(install({file_at(dir / "key", Content::privkey), file_at(dir / "crt", Content::cert)}),
                    ContainsSubstring("is named twice"));
}

TEST_CASE("undone changes bring back contents, modes, owners, and absence") {
  const TempDir dir;
  put(dir / "key", "OLD KEY\n", 0604);
  if (::geteuid() == 0) REQUIRE(::chown((dir / "key").c_str(), 65534, 65533) == 0);
  DaemonFile key = file_at(dir / "key", Content::privkey);
  key.attributes.owner = ::geteuid();
  key.attributes.group = ::getegid();
  const auto changes = plan_changes(std::vector{key, file_at(dir / "crt", Content::cert)}, delivery_from());
  make_changes(changes, {});
  REQUIRE(read_file(dir / "key", 99) == "KEY\n");
  REQUIRE(fs::exists(dir / "crt"));
  make_changes(reversed(changes), {});
  CHECK(read_file(dir / "key", 99) == "OLD KEY\n");
  CHECK(mode_of(dir / "key") == 0604);
  CHECK_FALSE(fs::exists(dir / "crt"));
  if (::geteuid() != 0) {
    WARN("not root: ownership is not tested");
    return;
  }
  struct stat status {};
  REQUIRE(::stat((dir / "key").c_str(), &status) == 0);
  CHECK(status.st_uid == 65534);
  CHECK(status.st_gid == 65533);
}

TEST_CASE("owner and group that the hook does not name stay as they are") {
  if (::geteuid() != 0) {
    WARN("not root: ownership is not tested");
    return;
  }
  const TempDir dir;
  put(dir / "crt", "OLD\n");
  REQUIRE(::chown((dir / "crt").c_str(), 65534, 65533) == 0);
  install({file_at(dir / "crt", Content::cert)});
  struct stat status {};
  REQUIRE(::stat((dir / "crt").c_str(), &status) == 0);
  CHECK(status.st_uid == 65534);
  CHECK(status.st_gid == 65533);
}

TEST_CASE("when the disk is full before everything is written, no file has changed") {
  const TempDir dir;
  put(dir / "key", "OLD KEY\n");
  put(dir / "crt", "OLD\n");
  Delivery delivery = delivery_from();
  delivery.bundle.leaf = std::string(200'000, 'x');
  const auto changes =
      plan_changes(std::vector{file_at(dir / "key", Content::privkey), file_at(dir / "crt", Content::cert)}, delivery);
  // A limit on the size of files stands in for a full disk: the key fits, the certificate does not.
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlim_t unlimited = limit.rlim_cur;
  const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
  limit.rlim_cur = 100'000;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::string message;
  try {
    make_changes(changes, {});
  } catch (const Error& e) {
    message = e.message();
  }
  limit.rlim_cur = unlimited;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ::signal(SIGXFSZ, old_action);
  CHECK_THAT(message, ContainsSubstring("cannot write"));
  CHECK(read_file(dir / "key", 99) == "OLD KEY\n");
  CHECK(read_file(dir / "crt", 99) == "OLD\n");
  CHECK(entries_in(dir.path()) == 2);
}

TEST_CASE("what a killed run left beside the files is no obstacle") {
  const TempDir dir;
  put(temporary_path(dir / "key"), "half");
  install({file_at(dir / "key", Content::privkey)});
  CHECK(read_file(dir / "key", 99) == "KEY\n");
  CHECK(entries_in(dir.path()) == 1);
}

TEST_CASE("a device or directory where the file should be is not read or replaced") {
  const TempDir dir;
  fs::create_directory(dir / "crt");
  CHECK_THROWS_WITH(install({file_at(dir / "crt", Content::cert)}), ContainsSubstring("not a regular file"));
}
