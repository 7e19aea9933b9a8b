#include "deploy/deploy.h"

#include "deploy/fake_daemon.h"

using namespace mxcert;
using namespace mxcert::deploy;
using test::make_bundle;
using test::make_hook;
namespace fs = std::filesystem;
using Status = DeployOutcome::Status;

namespace {

std::string trusts_old_only(std::span<const pki::Certificate> chain) {
  return chain.front().names.front() == "old.example.com" ? std::string() : "self-signed certificate";
}

}  // namespace

TEST_CASE("a certificate is installed, the daemon reloads, and shows it") {
  FakeDaemon daemon;
  const DeployOutcome outcome = daemon.deploy();
  INFO(outcome.reason);
  REQUIRE(outcome.status == Status::deployed_and_verified);
  CHECK(outcome.daemon == "Testd 1");
  CHECK(daemon.read("key.pem") == daemon.bundle().private_key);
  CHECK(daemon.read("crt.pem") == daemon.bundle().full_chain());
  CHECK(daemon.read("events") == "check\ndeploy 0\n");
  CHECK(daemon.served() == "mx.example.com");
  CHECK(outcome.changed_files == std::vector<fs::path>{daemon.path("key.pem"), daemon.path("crt.pem")});
  CHECK(outcome.before.size() == 3);  // without SNI, and with each name
  CHECK(outcome.before[0].result.chain.at(0).names.at(0) == "old.example.com");
  CHECK(outcome.after.size() == 3);
  CHECK_FALSE(load_journal(daemon.path("journal")));
}

TEST_CASE("what is served already is left in peace") {
  FakeDaemon daemon;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::unchanged);
  CHECK(outcome.succeeded());
  CHECK(outcome.changed_files.empty());
  CHECK(daemon.read("events") == "check\ndeploy 0\ncheck\n");
}

TEST_CASE("a certificate for where nothing is served touches nothing where something is") {
  FakeDaemon daemon;
  daemon.is_placeholder = true;
  const std::string files = daemon.read("key.pem") + daemon.read("crt.pem");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::left_alone);
  CHECK(outcome.succeeded());
  CHECK(outcome.changed_files.empty());
  CHECK(daemon.read("key.pem") + daemon.read("crt.pem") == files);
  CHECK(daemon.served() == "old.example.com");
  CHECK(daemon.read("events") == "check\n");
}

TEST_CASE("a certificate for where nothing is served is installed there, and later its successor with the same key") {
  FakeDaemon daemon;
  daemon.is_placeholder = true;
  const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  daemon.deliver(make_bundle(daemon_names, key));
  fs::remove(daemon.path("crt.pem"));
  fs::remove(daemon.path("key.pem"));
  daemon.reload_now();
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
  CHECK(daemon.served() == "mx.example.com");
  CHECK(daemon.deploy().status == Status::unchanged);
  daemon.deliver(make_bundle(daemon_names, key));
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deliver(make_bundle(daemon_names));
  CHECK(daemon.deploy().status == Status::left_alone);
}

TEST_CASE("where nobody answers, files that are there are something that is served") {
  FakeDaemon daemon;
  daemon.is_placeholder = true;
  daemon.target.verify = {{.address = "127.0.0.1", .port = 1}};
  const std::string files = daemon.read("key.pem") + daemon.read("crt.pem");
  CHECK(daemon.deploy().status == Status::left_alone);
  CHECK(daemon.read("key.pem") + daemon.read("crt.pem") == files);
  daemon.target.hook =
      make_hook(daemon.path("script"), "[ $1 != deploy ] || touch " + daemon.path("ran").string()).string();
  CHECK(daemon.deploy().status == Status::left_alone);
  CHECK_FALSE(fs::exists(daemon.path("ran")));
}

TEST_CASE("what who verifies trusts is not replaced unasked by what they do not trust") {
  FakeDaemon daemon;
  daemon.find_trust_problem = trusts_old_only;
  const DeployOutcome refused = daemon.deploy();
  CHECK(refused.status == Status::failed);
  CHECK_THAT(refused.reason, ContainsSubstring("without SNI shows old.example.com") &&
                                 ContainsSubstring("trusted by this host, and this certificate is not: self-signed"));
  CHECK_THAT(refused.hint, ContainsSubstring("mxcert deploy --allow-untrusted mx.example.com"));
  daemon.expect_old_files();
  CHECK(daemon.read("events") == "check\n");
  daemon.may_lose_trust = true;
  const DeployOutcome allowed = daemon.deploy();
  CHECK(allowed.status == Status::deployed_and_verified);
  CHECK(allowed.loses_trust);
  CHECK(allowed.trust_problem == "self-signed certificate");
}

TEST_CASE("a certificate that is not trusted is better than another one, or none") {
  FakeDaemon daemon;
  daemon.find_trust_problem = [](std::span<const pki::Certificate>) { return "self-signed certificate"; };
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::deployed_and_verified);
  CHECK_FALSE(outcome.loses_trust);
  CHECK(outcome.trust_problem == "self-signed certificate");
}

TEST_CASE("a script is not run where it would take away what who verifies trusts") {
  FakeDaemon daemon;
  daemon.find_trust_problem = trusts_old_only;
  daemon.target.verify = {{.address = "127.0.0.1", .port = daemon.port()}};
  daemon.target.hook =
      make_hook(daemon.path("script"), "[ $1 != deploy ] || touch " + daemon.path("ran").string()).string();
  CHECK(daemon.deploy().status == Status::failed);
  CHECK_FALSE(fs::exists(daemon.path("ran")));
}

TEST_CASE("files in place that the daemon has not read need a reload, and no writing") {
  FakeDaemon daemon;
  daemon.put("key.pem", daemon.bundle().private_key);
  daemon.put("crt.pem", daemon.bundle().full_chain());
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::deployed_and_verified);
  CHECK(outcome.changed_files.empty());
}

TEST_CASE("a renewal with the same key replaces the certificate alone") {
  FakeDaemon daemon;
  const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  daemon.deliver(make_bundle(daemon_names, key));
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deliver(make_bundle(daemon_names, key));
  CHECK(daemon.deploy().changed_files == std::vector<fs::path>{daemon.path("crt.pem")});
}

TEST_CASE("a daemon that goes on serving the old certificate gets its old files back") {
  FakeDaemon daemon;
  daemon.deaf = true;
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rolled_back);
  CHECK_FALSE(outcome.succeeded());
  CHECK_THAT(outcome.reason, ContainsSubstring("without SNI, and 2 more, shows old.example.com"));
  CHECK(outcome.changed_files.size() == 2);
  daemon.expect_old_files();
  CHECK(daemon.read("events") == "check\ndeploy 0\nrollback 0\n");
  CHECK(daemon.served() == "old.example.com");
}

TEST_CASE("a daemon that cannot use what it reads is back with the old certificate soon") {
  FakeDaemon daemon;
  daemon.describe_as("", "deploy) echo rubbish >" + daemon.path("key.pem").string() + "; echo >>" +
                             daemon.path("reloads").string() + ";;");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rolled_back);
  daemon.expect_old_files();
  CHECK(daemon.served() == "old.example.com");
}

TEST_CASE("files that did not exist are gone again after a failure") {
  FakeDaemon daemon;
  fs::remove(daemon.path("crt.pem"));
  fs::remove(daemon.path("key.pem"));
  daemon.deaf = true;
  CHECK(daemon.deploy().status == Status::rolled_back);
  CHECK_FALSE(fs::exists(daemon.path("crt.pem")));
  CHECK_FALSE(fs::exists(daemon.path("key.pem")));
}

TEST_CASE("a hook that fails to deploy is answered with the old files") {
  FakeDaemon daemon;
  daemon.describe_as("", "deploy) echo 'no such service' >&2; exit 1;;");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rolled_back);
  CHECK_THAT(outcome.reason, ContainsSubstring("deploy exited with status 1: no such service"));
  daemon.expect_old_files();
}

TEST_CASE("when even the way back fails, the outcome says so, and what both failures were") {
  FakeDaemon daemon;
  daemon.describe_as("", "deploy) echo one >&2; exit 1;; rollback) echo two >&2; exit 1;;");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rollback_failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("status 1: one; putting things back: "));
  CHECK_THAT(outcome.reason, ContainsSubstring("status 1: two"));
  CHECK(daemon.files_agree());
}

TEST_CASE("a daemon that no longer serves what it did is a failed way back") {
  FakeDaemon daemon;
  daemon.progress = [&](Step step, std::string_view) {
    if (step == Step::verifying) daemon.accepting = false;
  };
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rollback_failed);
  CHECK_FALSE(outcome.hint.empty());
}

TEST_CASE("a hook that does not know rollback is asked to deploy, which reloads") {
  FakeDaemon daemon;
  daemon.describe_as("", "rollback) exit 42;;");
  daemon.deaf = true;
  CHECK(daemon.deploy().status == Status::rolled_back);
  CHECK(daemon.read("events") == "check\ndeploy 0\ndeploy 0\n");
}

TEST_CASE("what the check refuses is not touched") {
  FakeDaemon daemon;
  daemon.describe_as("", "check) echo 'wrong configuration' >&2; exit 1;;");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("wrong configuration"));
  CHECK(daemon.read("events").empty());
  CHECK_FALSE(fs::exists(daemon.path("journal")));
  CHECK(daemon.served() == "old.example.com");
}

TEST_CASE("a key, certificate or name that does not fit is refused before anything is asked") {
  FakeDaemon daemon;
  auto bundle = make_bundle(daemon_names);
  bundle.private_key = make_bundle(daemon_names).private_key;
  daemon.deliver(bundle);
  CHECK_THAT(daemon.deploy().reason, ContainsSubstring("for another key"));
  daemon.deliver(make_bundle({"mx.example.com"}));
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("does not hold the name mx2.example.com"));
  CHECK(daemon.read("events").empty());
}

TEST_CASE("a daemon that is down gets its files and stays unverified") {
  FakeDaemon daemon;
  daemon.describe_as(R"("running": false, "listeners": [],)");
  daemon.target.verify = {{.address = "127.0.0.1", .port = test::closed_port()}};
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::installed_unverified);
  CHECK(outcome.reason == "Testd 1 is not running");
  CHECK(daemon.read("crt.pem") == daemon.bundle().full_chain());
  CHECK_FALSE(load_journal(daemon.path("journal")));
  CHECK(daemon.deploy().status == Status::installed_unverified);
  CHECK(daemon.read("events") == "check\ndeploy 0\ncheck\n");  // nothing to reload the second time
}

TEST_CASE("a daemon that answers is not down, whatever its hook says") {
  FakeDaemon daemon;
  daemon.describe_as(R"("running": false,)");
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
}

TEST_CASE("without the administrator's word an unconfigured daemon is left alone, and what to write is told") {
  FakeDaemon daemon;
  daemon.describe_as(R"("configured": false, "configurable": true, "missing_configuration": "tls = yes\nkey = x",)");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::needs_configuration);
  CHECK(outcome.configuration == "tls = yes\nkey = x");
  CHECK_THAT(outcome.hint, ContainsSubstring("configure = true"));
  CHECK(daemon.read("events").empty());
}

TEST_CASE("what a configured daemon does without is told, and the rest is installed") {
  FakeDaemon daemon;
  daemon.describe_as(R"("missing_configuration": "rsa = y", "warnings": ["an old one"],)");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::deployed_and_verified);
  CHECK(outcome.configuration == "rsa = y");
  CHECK(outcome.warnings == std::vector<std::string>{"an old one"});
}

TEST_CASE("a listener that was closed before and is closed still is a warning") {
  FakeDaemon daemon;
  make_hook(daemon.path("hook.real"), "");
  fs::rename(daemon.path("hook"), daemon.path("hook.real"));
  make_hook(daemon.path("hook"), fmt::format(R"([ "$1" = describe ] || exec {0} "$@"
{0} describe | sed 's/"listeners": \[/&{{"address": "127.0.0.1", "port": {1}}},/')",
                                             daemon.path("hook.real").string(), test::closed_port()));
  const DeployOutcome outcome = daemon.deploy();
  INFO(outcome.reason);
  CHECK(outcome.status == Status::deployed_and_verified);
  REQUIRE(outcome.warnings.size() == 3);
  CHECK_THAT(outcome.warnings[0], ContainsSubstring("refuses connections, as before"));
}
