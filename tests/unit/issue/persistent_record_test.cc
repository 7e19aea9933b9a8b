#include "issue/persistent_record.h"

#include "catch.h"
#include "fake_clock.h"
#include "issue/run_scene.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::issue;

namespace {

const std::string account = "https://ca.test/acct/7";

/// A state directory with what one run remembers.
struct Scene {
  test::TempDir dir;
  test::FakeClock clock;
  config::Config config;

  Scene() {
    config.state_dir = dir.path() / "state";
    config.ca.directory_url = "https://ca.test/dir";
    config.ca.caa_identities.clear();
    config.challenge.method.type = solve::ChallengeMethod::Type::dns_persist_01;
  }
  test::RunScene context() { return {config, clock}; }
};

}  // namespace

TEST_CASE("the record names the CA and the account, and allows a wildcard only where one is ordered") {
  CHECK(make_persistent_record("mx.example.com", "ca.test", account) ==
        PersistentRecord{"_validation-persist.mx.example.com", "ca.test; accounturi=https://ca.test/acct/7"});
  const PersistentRecord wildcard = make_persistent_record("*.example.com", "ca.test", account);
  CHECK(to_string(wildcard) ==
        "_validation-persist.example.com. TXT \"ca.test; accounturi=https://ca.test/acct/7; policy=wildcard\"");
}

TEST_CASE_METHOD(Scene, "without an account or a name of the CA there is no record to tell") {
  test::RunScene context = this->context();
  const store::Lock lock = context.store.directory.lock(clock, std::chrono::seconds{0});
  CHECK_FALSE(find_persistent_record(context.config, context.store.accounts, "mx.example.com"));
  context.store.accounts.save_key(config.ca.directory_url, "key");
  context.store.accounts.save({.directory = config.ca.directory_url, .url = account});
  CHECK_FALSE(find_persistent_record(context.config, context.store.accounts, "mx.example.com"));
  context.store.accounts.save_caa_identities(config.ca.directory_url, {"ca.test", "www.ca.test"});
  REQUIRE(find_persistent_record(context.config, context.store.accounts, "mx.example.com"));
  CHECK(find_persistent_record(context.config, context.store.accounts, "mx.example.com")->value ==
        "ca.test; accounturi=https://ca.test/acct/7");
  context.store.accounts.save({.directory = config.ca.directory_url, .url = account, .deactivated = true});
  CHECK_FALSE(find_persistent_record(context.config, context.store.accounts, "mx.example.com"));
}

TEST_CASE_METHOD(Scene, "records are told for the names that plans wanted and extra names, where the type is theirs") {
  config.ca.caa_identities = {"ca.test"};
  config.extra_names = {dns::DnsName::parse("imap.example.com")};
  config.challenge.exceptions.push_back({.names = {mx::HostPattern::parse("*.example.net")}, .method = {}});
  test::RunScene context = this->context();
  const store::Lock lock = context.store.directory.lock(clock, std::chrono::seconds{0});
  context.store.accounts.save_key(config.ca.directory_url, "key");
  context.store.accounts.save({.directory = config.ca.directory_url, .url = account});
  context.inventory["mx.example.com"].state.desired = {"mx.example.com", "mx.example.net"};
  std::vector<std::string> names;
  for (const PersistentRecord& record :
       find_persistent_records(context.config, context.store.accounts, context.inventory))
    names.push_back(record.name);
  CHECK(names ==
        std::vector<std::string>{"_validation-persist.imap.example.com", "_validation-persist.mx.example.com"});
}
