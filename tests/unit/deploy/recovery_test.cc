// Deployments that are killed, taken up by the next run, and taken away again.
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/fake_daemon.h"

using namespace mxcert;
using namespace mxcert::deploy;
using test::make_bundle;
using test::make_hook;
namespace fs = std::filesystem;
using Status = DeployOutcome::Status;

TEST_CASE("killed at any step, the next run finds key and certificate in agreement and finishes") {
  int killed_at = 0;
  for (bool killed = true; killed; ++killed_at) {
    REQUIRE(killed_at < 30);
    FakeDaemon daemon;
    const pid_t child = ::fork();
    if (child == 0) {
      int step = 0;
      daemon.progress = [&](Step, std::string_view) {
        if (step++ == killed_at) ::_exit(99);
      };
      daemon.deploy();
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    killed = WEXITSTATUS(status) == 99;
    INFO("killed at step " << killed_at);
    const auto recovered = daemon.recover();
    CHECK(daemon.files_agree());
    if (recovered) {
      daemon.expect_old_files();
      CHECK(daemon.served() == "old.example.com");
      CHECK_THAT(*recovered, ContainsSubstring("undone first"));
    }
    CHECK_FALSE(daemon.recover());
    const DeployOutcome outcome = daemon.deploy();
    CHECK(outcome.succeeded());
    CHECK(daemon.served() == "mx.example.com");
  }
  CHECK(killed_at >= 8);  // describing, observing, recording, two files, reloading, verifying, finished
}

TEST_CASE("killed on the way back, the next run goes all the way back") {
  for (int killed_at : {1, 2}) {
    FakeDaemon daemon;
    const pid_t child = ::fork();
    if (child == 0) {
      daemon.describe_as("", "deploy) exit 1;;");
      int step = 0;
      daemon.progress = [&](Step what, std::string_view) {
        if (what == Step::restoring && ++step == killed_at) ::_exit(99);
      };
      daemon.deploy();
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 99);
    CHECK(daemon.recover());
    daemon.expect_old_files();
    CHECK(daemon.served() == "old.example.com");
  }
}

TEST_CASE("a deployment mentions that it had to undo an interrupted one") {
  FakeDaemon daemon;
  const pid_t child = ::fork();
  if (child == 0) {
    daemon.progress = [&](Step step, std::string_view) {
      if (step == Step::verifying) ::_exit(99);
    };
    daemon.deploy();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::deployed_and_verified);
  REQUIRE(outcome.warnings.size() == 1);
  CHECK_THAT(outcome.warnings[0], ContainsSubstring("interrupted while it deployed mx.example.com: undone first"));
}

TEST_CASE("files that somebody replaced after a kill are left alone") {
  FakeDaemon daemon;
  const pid_t child = ::fork();
  if (child == 0) {
    daemon.progress = [&](Step step, std::string_view) {
      if (step == Step::reloading) ::_exit(99);
    };
    daemon.deploy();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  daemon.put("crt.pem", "the administrator's");
  const auto recovered = daemon.recover();
  REQUIRE(recovered);
  CHECK_THAT(*recovered, ContainsSubstring("crt.pem has been replaced since and is left alone"));
  CHECK(daemon.read("crt.pem") == "the administrator's");
  CHECK(daemon.read("key.pem") == daemon.bundle().private_key);
}

TEST_CASE("a first deployment is taken away whole") {
  FakeDaemon daemon;
  daemon.target.configure = true;
  const std::string configured = daemon.path("configured").string();
  const std::string files =
      fmt::format(R"("files": [{{"path": "{}", "content": "bundle"}}])", daemon.path("new.pem").string());
  make_hook(daemon.path("hook"), fmt::format(R"(case $1 in
describe) is=false; [ ! -e {0} ] || is=true
echo '{{"daemon": "Testd", "configured": '$is', "configurable": true, "missing_configuration": "x", "running": false, {1}}}';;
deploy) touch {0};;
rollback) [ $MXCERT_CONFIGURE = 0 ] || rm -f {0};;
esac)",
                                             configured, files));
  REQUIRE(daemon.deploy().status == Status::installed_unverified);
  REQUIRE(fs::exists(configured));
  REQUIRE(fs::exists(daemon.path("new.pem")));
  CHECK(daemon.withdraw().status == Status::withdrawn);
  CHECK_FALSE(fs::exists(configured));
  CHECK_FALSE(fs::exists(daemon.path("new.pem")));
  CHECK(daemon.withdraw().status == Status::unchanged);
}

TEST_CASE("what was served before the first deployment comes back, however many there were") {
  FakeDaemon daemon;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deliver(make_bundle(daemon_names));
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  REQUIRE(daemon.served() == "mx.example.com");
  const DeployOutcome outcome = daemon.withdraw();
  CHECK(outcome.status == Status::withdrawn);
  CHECK(outcome.warnings.empty());
  daemon.expect_old_files();
  CHECK(daemon.served() == "old.example.com");
  CHECK(daemon.withdraw().status == Status::unchanged);
}

TEST_CASE("a file that somebody has replaced since is not taken back") {
  FakeDaemon daemon;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.put("crt.pem", "the administrator's");
  const DeployOutcome outcome = daemon.withdraw();
  REQUIRE(outcome.warnings.size() == 1);
  CHECK_THAT(outcome.warnings[0], ContainsSubstring("crt.pem does not hold this certificate and is left alone"));
  CHECK(daemon.read("crt.pem") == "the administrator's");
}

TEST_CASE("a daemon that goes on to show a certificate that was taken away is told") {
  FakeDaemon daemon;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deaf = true;
  const DeployOutcome outcome = daemon.withdraw();
  CHECK(outcome.status == Status::failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("still shows the certificate"));
}
