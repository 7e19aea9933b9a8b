#include "store/accounts.h"

#include <sys/stat.h>

#include "base/files.h"
#include "catch.h"
#include "store/locked_state.h"

using namespace mxcert;
using namespace mxcert::store;
using namespace std::chrono_literals;

namespace {
struct Fixture : test::LockedState {
  Accounts accounts{state};
};
}  // namespace

TEST_CASE_METHOD(Fixture, "each directory has an account of its own, in a private folder") {
  const std::string one = "https://acme-v02.api.letsencrypt.org/directory";
  const std::string other = "https://ca.lab.example:14000/dir";
  accounts.save_key(one, "KEY 1");
  accounts.save_key(other, "KEY 2");
  accounts.save({.directory = one, .url = "https://acme-v02.api.letsencrypt.org/acme/acct/7"});
  CHECK(accounts.find_key(one) == "KEY 1");
  CHECK(accounts.find_key(other) == "KEY 2");
  CHECK(accounts.find(one)->url == "https://acme-v02.api.letsencrypt.org/acme/acct/7");
  CHECK_FALSE(accounts.find(other));
  CHECK(accounts.path(one) == state.accounts() / "acme-v02.api.letsencrypt.org/directory");
  struct stat status {};
  REQUIRE(::stat((accounts.path(one) / "key.pem").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  REQUIRE(::stat(accounts.path(one).parent_path().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
}

TEST_CASE_METHOD(Fixture, "a directory URL never leads out of the accounts") {
  CHECK(accounts.path("https://ca.example/../../etc/x") == state.accounts() / "ca.example/_./_./etc/x");
  CHECK(accounts.path("https://ca.example:14000/a?b=c") == state.accounts() / "ca.example_14000/a_b_c");
  CHECK_THROWS_AS(accounts.path("http://ca.example/dir"), Error);
  CHECK_THROWS_AS(accounts.path("ca.example"), Error);
}

TEST_CASE_METHOD(Fixture,
                 "an account that was deactivated is remembered as such, and its key is kept beside the next") {
  const std::string url = "https://ca.example/dir";
  accounts.save_key(url, "KEY 1");
  accounts.save({.directory = url, .url = {}, .deactivated = true});
  REQUIRE(accounts.find(url));
  CHECK(accounts.find(url)->deactivated);
  accounts.retire_key(url);
  CHECK_FALSE(accounts.find(url));
  CHECK_FALSE(accounts.find_key(url));
  CHECK(read_file(accounts.path(url) / "key.retired.pem", 100) == "KEY 1");
  accounts.save_key(url, "KEY 2");
  CHECK(accounts.find_key(url) == "KEY 2");
}

TEST_CASE_METHOD(Fixture,
                 "the next key lies beside the present one, as private, until it takes its place or is dropped") {
  const std::string url = "https://ca.example/dir";
  accounts.save_key(url, "KEY 1");
  CHECK_FALSE(accounts.find_next_key(url));
  accounts.save_next_key(url, "KEY 2");
  CHECK(accounts.find_key(url) == "KEY 1");
  CHECK(accounts.find_next_key(url) == "KEY 2");
  struct stat status {};
  REQUIRE(::stat((accounts.path(url) / "key.next.pem").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  accounts.adopt_next_key(url);
  CHECK(accounts.find_key(url) == "KEY 2");
  CHECK_FALSE(accounts.find_next_key(url));
  accounts.save_next_key(url, "KEY 3");
  accounts.drop_next_key(url);
  CHECK(accounts.find_key(url) == "KEY 2");
  CHECK_FALSE(accounts.find_next_key(url));
}

TEST_CASE_METHOD(Fixture, "what a CA calls itself in CAA records outlives its account") {
  const std::string url = "https://ca.example/dir";
  CHECK(accounts.find_caa_identities(url).empty());
  accounts.save_key(url, "KEY");
  accounts.save_caa_identities(url, {"ca.example", "www.ca.example"});
  accounts.retire_key(url);
  CHECK(accounts.find_caa_identities(url) == std::vector<std::string>{"ca.example", "www.ca.example"});
}
