#include "issue/internal_ca.h"

#include <sys/stat.h>

#include "base/files.h"
#include "catch.h"
#include "fake_clock.h"
#include "issue/run_scene.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::issue;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  test::TempDir dir;
  test::FakeClock clock;
  test::RunScene context{config_in(dir / "state"), clock};
  store::Lock lock = context.store.directory.lock(clock, 0ms);
  store::Certificate certificate{.name = "mx.example.com"};
  const mx::PlannedCertificate planned{.name = "mx.example.com", .names = {dns::DnsName::parse("mx.example.com")}};

  static config::Config config_in(const std::filesystem::path& state) {
    config::Config config;
    config.state_dir = state;
    return config;
  }
  store::VersionPart issue() {
    return issue_internally(context.run, {.planned = planned, .certificate = certificate, .key = {}});
  }
  std::string root_pem() const { return *context.store.internal_authority.find_certificate(); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "the internal CA is made with the first certificate, and stays") {
  CHECK_FALSE(find_internal_root(context.store.internal_authority));
  const store::VersionPart first = issue();
  CHECK(first.leaf.names == std::vector<std::string>{"mx.example.com"});
  CHECK(first.record.directory == "internal");
  CHECK(first.leaf.not_before < clock.now());
  const std::string root = root_pem();
  const store::VersionPart second = issue();
  CHECK(root_pem() == root);
  CHECK(second.leaf.issuer == find_internal_root(context.store.internal_authority)->subject);
  CHECK(second.leaf.serial != first.leaf.serial);
  struct stat status {};
  REQUIRE(::stat(context.store.internal_authority.key_path().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE_METHOD(Fixture, "the root is made anew in time, with the same key, and no certificate outlives it") {
  issue();
  const pki::Certificate first = *find_internal_root(context.store.internal_authority);
  clock.advance(std::chrono::days(3650 - 730 - 1));
  issue();
  CHECK(find_internal_root(context.store.internal_authority)->der == first.der);
  clock.advance(std::chrono::days(2));
  const store::VersionPart part = issue();
  const pki::Certificate second = *find_internal_root(context.store.internal_authority);
  CHECK(second.der != first.der);
  CHECK(second.public_key_der == first.public_key_der);
  CHECK(second.subject == first.subject);
  CHECK(part.leaf.not_after < first.not_after);
}

TEST_CASE_METHOD(Fixture, "a damaged root is made anew, a damaged key is not") {
  issue();
  const pki::Certificate root = *find_internal_root(context.store.internal_authority);
  write_file_atomically(context.store.internal_authority.certificate_path(), "rubbish", {});
  CHECK_THROWS_WITH(find_internal_root(context.store.internal_authority), ContainsSubstring("root.pem"));
  issue();
  CHECK(find_internal_root(context.store.internal_authority)->public_key_der == root.public_key_der);
  write_file_atomically(context.store.internal_authority.key_path(), "rubbish", {});
  CHECK_THROWS_WITH(issue(), ContainsSubstring("internal-ca/key.pem"));
  CHECK(read_file(context.store.internal_authority.key_path(), 100) == "rubbish");
}

TEST_CASE_METHOD(Fixture, "a version from the internal CA is a placeholder as long as another one is configured") {
  const store::VersionPart part = issue();
  const store::Version version{
      .number = "0001", .bundle = part.bundle, .leaf = part.leaf, .record = part.record, .further = {}};
  CHECK(is_internal(version));
  CHECK(is_placeholder(context.config.ca, version));
  context.config.ca.directory_url = config::internal_directory;
  CHECK_FALSE(is_placeholder(context.config.ca, version));
}
