// Deployments of two keys, of certificates for SNI, by lists of files, by configuring, and by scripts.

#include "deploy/fake_daemon.h"

using namespace mxcert;
using namespace mxcert::deploy;
using test::make_bundle;
using test::make_hook;
namespace fs = std::filesystem;
using Status = DeployOutcome::Status;

TEST_CASE("two keys are proven by who takes only one kind, and a key that is not served is taken back with the other") {
  FakeDaemon daemon;
  daemon.further_bundles = {make_bundle(daemon_names, pki::PrivateKey::generate(pki::KeyType::rsa_2048))};
  daemon.describe_rsa_too();
  const DeployOutcome outcome = daemon.deploy();
  INFO(outcome.reason);
  REQUIRE(outcome.status == Status::deployed_and_verified);
  CHECK(outcome.after.size() == 6);
  CHECK(daemon.read("rsa.pem") == daemon.further_bundles[0].key_and_chain());
  CHECK(daemon.deploy().status == Status::unchanged);

  // The daemon keeps the RSA key that it has read.
  const std::string before = daemon.read("rsa.pem");
  daemon.keeps_rsa = true;
  daemon.deliver(make_bundle(daemon_names));
  daemon.further_bundles = {make_bundle(daemon_names, pki::PrivateKey::generate(pki::KeyType::rsa_2048))};
  const DeployOutcome failed = daemon.deploy();
  CHECK(failed.status == Status::rolled_back);
  CHECK_THAT(failed.reason, ContainsSubstring("without SNI, only rsa") && !ContainsSubstring("only ecdsa"));
  CHECK(daemon.read("rsa.pem") == before);
}

TEST_CASE("a second key that the hook has no files for is not looked for") {
  FakeDaemon daemon;
  daemon.further_bundles = {make_bundle(daemon_names, pki::PrivateKey::generate(pki::KeyType::rsa_2048))};
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::deployed_and_verified);
  CHECK(outcome.after.size() == 3);
}

TEST_CASE("a further certificate is shown to who asks for its daemon_names, and the default one stays for all others") {
  FakeDaemon daemon;
  daemon.describe_as_further();
  const DeployOutcome outcome = daemon.deploy();
  INFO(outcome.reason);
  REQUIRE(outcome.status == Status::deployed_and_verified);
  CHECK(daemon.served() == "old.example.com");
  CHECK(daemon.served({.server_name = "mx2.example.com"}) == "mx.example.com");
  CHECK(daemon.read("sni.names") == "mx.example.com\nmx2.example.com\n");
  CHECK(daemon.deploy().status == Status::unchanged);

  CHECK(daemon.withdraw().status == Status::withdrawn);
  CHECK(daemon.served({.server_name = "mx2.example.com"}) == "old.example.com");
  CHECK(daemon.read("sni.pem").empty());
}

TEST_CASE("a further certificate that takes the place of the default one is taken back") {
  FakeDaemon daemon;
  daemon.describe_as_further();
  daemon.shows_further_to_all = true;
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rolled_back);
  CHECK_THAT(outcome.reason, ContainsSubstring("without SNI shows mx.example.com"));
  CHECK(daemon.served() == "old.example.com");
}

TEST_CASE("files that the configuration lists are installed as a hook's are, and the daemon reloads by its command") {
  FakeDaemon daemon;
  daemon.list_files("echo \"$MXCERT_EVENT $1\" >>{dir}/events; echo >>{dir}/reloads");
  const DeployOutcome outcome = daemon.deploy();
  INFO(outcome.reason);
  REQUIRE(outcome.status == Status::deployed_and_verified);
  CHECK(daemon.read("key.pem") == daemon.bundle().private_key);
  CHECK(daemon.read("mx.example.com.names") == "mx.example.com\nmx2.example.com\n");
  CHECK(daemon.read("events") == "deploy now\n");
  CHECK(daemon.served() == "mx.example.com");
  CHECK(daemon.deploy().status == Status::unchanged);
  CHECK(daemon.withdraw().status == Status::withdrawn);
  daemon.expect_old_files();
}

TEST_CASE("when the command that reloads fails, listed files are put back") {
  FakeDaemon daemon;
  daemon.list_files("[ $MXCERT_EVENT = rollback ] || { echo no bus >&2; exit 3; }; echo >>{dir}/reloads");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rolled_back);
  CHECK_THAT(outcome.reason, ContainsSubstring("reload now exited with status 3: no bus"));
  daemon.expect_old_files();
}

TEST_CASE("a daemon of listed files that is down is not told to reload, and stays unverified") {
  FakeDaemon daemon;
  daemon.list_files("exit 1");
  daemon.target.verify = {{.address = "127.0.0.1", .port = test::closed_port()}};
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::installed_unverified);
  CHECK(daemon.read("key.pem") == daemon.bundle().private_key);
}

TEST_CASE("listed files of a daemon that nobody said how to reach are installed, and unverifiable") {
  FakeDaemon daemon;
  daemon.list_files("true");
  daemon.target.verify.clear();
  daemon.target.listed->reload.clear();
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::unverifiable);
  CHECK_THAT(outcome.reason, ContainsSubstring("key.pem does not say where it listens"));
  CHECK(daemon.read("events").empty());
}

TEST_CASE("a further key that does not fit is refused before anything is asked, and told from the first") {
  FakeDaemon daemon;
  auto further = make_bundle(daemon_names, pki::PrivateKey::generate(pki::KeyType::rsa_2048));
  further.private_key = "nonsense";
  daemon.further_bundles = {further};
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("lineage/rsa/privkey.pem: not a private key"));
  CHECK(daemon.read("events").empty());
}

TEST_CASE("a configuration that no hook can write needs the administrator, even with the word given") {
  FakeDaemon daemon;
  daemon.describe_as(R"("configured": false, "missing_configuration": "tls = yes",)");
  daemon.target.configure = true;
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::needs_configuration);
  CHECK_THAT(outcome.hint, !ContainsSubstring("configure = true"));
}

TEST_CASE("a daemon is configured when that was allowed, and unconfigured when it did not work") {
  FakeDaemon daemon;
  daemon.describe_as(R"("configured": false, "configurable": true, "missing_configuration": "tls = yes",)");
  daemon.target.configure = true;
  daemon.deaf = true;
  CHECK(daemon.deploy().status == Status::rolled_back);
  CHECK(daemon.read("events") == "check\ndeploy 1\nrollback 1\nrollback 0\n");
  daemon.deaf = false;
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
}

TEST_CASE("what an earlier deployment configured stays when a later one does not work") {
  FakeDaemon daemon;
  daemon.describe_as(R"("configured": false, "configurable": true, "missing_configuration": "tls = yes",)");
  daemon.target.configure = true;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deliver(make_bundle(daemon_names));
  daemon.deaf = true;
  CHECK(daemon.deploy().status == Status::rolled_back);
  CHECK(daemon.read("events") == "check\ndeploy 1\ncheck\ndeploy 1\nrollback 0\n");
  daemon.deaf = false;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  CHECK(daemon.withdraw().status == Status::withdrawn);
  CHECK(daemon.read("events").ends_with("rollback 1\nrollback 0\n"));
}

TEST_CASE("what names files that go altogether is told to go before them") {
  FakeDaemon daemon;
  fs::remove(daemon.path("crt.pem"));
  daemon.describe_as(
      "", fmt::format("rollback) for file in $MXCERT_LEAVING end; do [ ! -e $file ] || echo $file is there; "
                      "done >>{}; [ -e {} ] || echo gone >>{};;",
                      daemon.path("seen").string(), daemon.path("crt.pem").string(), daemon.path("seen").string()));
  daemon.deaf = true;
  CHECK(daemon.deploy().status == Status::rolled_back);
  CHECK(daemon.read("seen") == daemon.path("crt.pem").string() + " is there\ngone\n");
}

TEST_CASE("a configured daemon is not configured again") {
  FakeDaemon daemon;
  daemon.target.configure = true;
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
  CHECK(daemon.read("events") == "check\ndeploy 0\n");
}

TEST_CASE("a script that knows no events is only run, and unverified unless it is said where to look") {
  FakeDaemon daemon;
  make_hook(daemon.path("hook"), "echo \"$RENEWED_DOMAINS\" >>" + daemon.path("events").string());
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::unverifiable);
  CHECK_THAT(outcome.hint, ContainsSubstring("verify = "));
  CHECK(daemon.read("events") == "mx.example.com mx2.example.com\n");
  CHECK(outcome.changed_files.empty());
}

TEST_CASE("a script is verified where the administrator says, and not run when all is served") {
  FakeDaemon daemon;
  daemon.target.verify = {{.address = "127.0.0.1", .port = daemon.port()}};
  make_hook(daemon.path("hook"), "echo >>" + daemon.path("events").string());
  const DeployOutcome failed = daemon.deploy();
  CHECK(failed.status == Status::failed);
  CHECK_THAT(failed.reason, ContainsSubstring("hook hook ran, but 127.0.0.1:"));
  daemon.put("key.pem", daemon.bundle().private_key);
  daemon.put("crt.pem", daemon.bundle().full_chain());
  daemon.reload_now();
  daemon.put("events", "");
  CHECK(daemon.deploy().status == Status::unchanged);
  CHECK(daemon.read("events").empty());
}

TEST_CASE("a script that has nothing to do with deploying has deployed nothing") {
  FakeDaemon daemon;
  make_hook(daemon.path("hook"), "exit 42");
  CHECK(daemon.deploy().status == Status::failed);
}
