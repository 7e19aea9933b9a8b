#include "deploy/deploy.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <map>

#include "base/error.h"
#include "base/text.h"
#include "catch.h"
#include "deploy/install.h"
#include "deploy/journal.h"
#include "deploy/make_credentials.h"
#include "deploy/make_hook.h"
#include "deploy/tls_server.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::deploy;
using namespace std::chrono_literals;
using test::make_bundle;
using test::make_hook;
using test::TempDir;
namespace fs = std::filesystem;
using Status = DeployOutcome::Status;

namespace {

const std::vector<std::string> names{"mx.example.com", "mx2.example.com"};

/// A mail server that reads its key and certificate when it is told to reload, as Exim does, and its hook.
class Daemon {
 public:
  Daemon()
      : old_bundle_(make_bundle({"old.example.com"})), server_([this](test::Session& session) { serve(session); }) {
    target.hook = (dir_ / "hook").string();
    deliver(make_bundle(names));
    put("key.pem", old_bundle_.private_key);
    put("crt.pem", old_bundle_.leaf);
    reload_now();
    describe_as("");
    served();  // so that it has read the old ones
  }

  /// `fields` are added to the hook's description; `cases` to its `case $1 in`.
  void describe_as(const std::string& fields, const std::string& cases = "") {
    make_hook(dir_ / "hook",
              fmt::format(R"(
case $1 in
{cases}
describe) cat <<JSON
{{ {fields} "daemon": "Testd 1", "files": [
  {{"path": "{dir}/key.pem", "content": "privkey", "mode": "0640"}},
  {{"path": "{dir}/crt.pem", "content": "fullchain", "mode": "0640"}}{more} ],
  "listeners": [ {{"address": "127.0.0.1", "port": {port}}} ] }}
JSON
;;
check) echo check >>{dir}/events ;;
deploy | rollback) echo $1 $MXCERT_CONFIGURE >>{dir}/events; echo >>{dir}/reloads ;;
esac)",
                          fmt::arg("cases", cases), fmt::arg("fields", fields), fmt::arg("dir", dir_.path().string()),
                          fmt::arg("port", server_.port()), fmt::arg("more", more_files)));
  }
  /// No hook: the configuration lists the files, and `script` reloads.
  void list_files(std::string script) {
    for (auto at = script.find("{dir}"); at != std::string::npos; at = script.find("{dir}"))
      script.replace(at, 5, dir_.path().string());
    const fs::path reload = make_hook(dir_ / "reload", script);
    target.hook = "files";
    target.listed =
        ListedFiles{.files = {{.path = path("key.pem"), .content = Content::privkey, .attributes = {.mode = 0640}},
                              {.path = path("crt.pem"), .content = Content::fullchain, .attributes = {.mode = 0640}},
                              {.path = path("{name}.names"), .content = Content::names, .attributes = {.mode = 0644}}},
                    .reload = {reload.string(), "now"}};
    target.verify = {{.address = "127.0.0.1", .port = server_.port()}};
  }
  /// The hook also has a file for an RSA key.
  void describe_rsa_too() {
    more_files = fmt::format(R"(, {{"path": "{}", "content": "bundle", "key_type": "rsa"}})", path("rsa.pem").string());
    describe_as("");
  }
  /// Of a further certificate the hook has files of its own.
  void describe_as_further() {
    target.hook = make_hook(dir_ / "further",
                            fmt::format(R"(
[ "$MXCERT_ROLE" = sni ] || exit 1
case $1 in
describe) cat <<JSON
{{ "files": [ {{"path": "{dir}/sni.pem", "content": "bundle"}}, {{"path": "{dir}/sni.names", "content": "names"}} ],
   "listeners": [ {{"address": "127.0.0.1", "port": {port}}} ] }}
JSON
;;
deploy | rollback) echo >>{dir}/reloads ;;
esac)",
                                        fmt::arg("dir", dir_.path().string()), fmt::arg("port", server_.port())))
                      .string();
    role = Role::sni;
  }

  DeployOutcome deploy() { return mxcert::deploy::deploy(clock_, target, delivery(), options()); }
  std::optional<std::string> recover() { return recover_unfinished(clock_, target, delivery(), options()); }
  DeployOutcome withdraw() { return mxcert::deploy::withdraw(clock_, target, delivery(), options()); }

  Delivery delivery() const {
    return {.certificate_name = "mx.example.com",
            .names = names,
            .bundle = bundle_,
            .further_bundles = further_bundles,
            .lineage = dir_ / "lineage",
            .role = role};
  }
  DeployOptions options() const {
    return {.journal_directory = dir_ / "journal",
            .original_directory = dir_ / "original",
            .find_trust_problem = find_trust_problem,
            .may_lose_trust = may_lose_trust,
            .only_where_nothing_is_served = is_placeholder,
            .restore_timeout = 700ms,
            .restart_timeout = 700ms,
            .outage_timeout = 400ms,
            .probe_timeout = 5s,
            .progress = progress};
  }
  void deliver(const pki::CertificateBundle& bundle) { bundle_ = bundle; }
  void put(const std::string& name, const std::string& content) const {
    write_file_atomically(dir_ / name, content, {.mode = 0640});
  }
  void reload_now() const { put("reloads", read("reloads") + "\n"); }
  std::string read(const std::string& name) const { return read_file_if_exists(dir_ / name, 1 << 20).value_or(""); }
  std::string served(const ProbeOptions& options = {}) {
    const auto result = probe(clock_, {.address = "127.0.0.1", .port = server_.port()}, options);
    return result.shown() ? result.chain.front().names.at(0) : result.reason;
  }
  void expect_old_files() const {
    CHECK(read("key.pem") == old_bundle_.private_key);
    CHECK(read("crt.pem") == old_bundle_.leaf);
    CHECK_FALSE(load_journal(dir_ / "journal"));
    CHECK_FALSE(fs::exists(temporary_path(dir_ / "key.pem")));
    CHECK_FALSE(fs::exists(temporary_path(dir_ / "crt.pem")));
  }
  bool files_agree() const {
    const auto key = pki::PrivateKey::from_pem(read("key.pem"));
    return key.public_key_der() == pki::parse_certificates(read("crt.pem")).front().public_key_der;
  }
  fs::path path(const std::string& name) const { return dir_ / name; }
  const pki::CertificateBundle& bundle() const { return bundle_; }
  std::uint16_t port() const { return server_.port(); }

  std::vector<pki::CertificateBundle> further_bundles;
  Role role = Role::fallback;
  bool is_placeholder = false;
  std::function<std::string(std::span<const pki::Certificate>)> find_trust_problem;
  bool may_lose_trust = false;
  std::string more_files;
  Target target{.hook = {}, .timeout = 10s, .verify_timeout = 700ms};
  std::function<void(Step, std::string_view)> progress;
  std::atomic<bool> deaf{false};  // does not notice a reload
  std::atomic<bool> keeps_rsa{false};
  std::atomic<bool> shows_further_to_all{false};
  std::atomic<bool> accepting{true};  // false: breaks every connection before its greeting

 private:
  /// key.pem and crt.pem, with a key of another type rsa.pem; for the names in sni.names sni.pem.
  std::map<std::string, test::Credentials> load() const {
    std::map<std::string, test::Credentials> credentials{
        {"", {.private_key = read("key.pem"), .chain = read("crt.pem")}}};
    if (keeps_rsa) credentials[""].further = loaded_.at("").further;
    if (const std::string rsa = read("rsa.pem"); !rsa.empty() && !keeps_rsa)
      credentials[""].further = {{.private_key = rsa, .chain = rsa}};
    const std::string further_names = read("sni.names");
    for (const std::string_view name : split(further_names, '\n'))
      if (!name.empty()) credentials[std::string(name)] = {.private_key = read("sni.pem"), .chain = read("sni.pem")};
    if (const std::string further = read("sni.pem"); !further.empty() && shows_further_to_all)
      credentials[""] = {.private_key = further, .chain = further};
    return credentials;
  }

  void serve(test::Session& session) {
    if (!accepting) return;
    if (const std::string reloads = read("reloads"); reloads != last_reloads_ && !deaf) {
      last_reloads_ = reloads;
      loaded_ = load();
    }
    serve_smtp(session, loaded_);
  }

  TempDir dir_;
  pki::CertificateBundle old_bundle_;
  pki::CertificateBundle bundle_;
  std::string last_reloads_;
  std::map<std::string, test::Credentials> loaded_;
  RealClock clock_;
  test::TlsServer server_;  // last: it is ended first
};

}  // namespace

TEST_CASE("a certificate is installed, the daemon reloads, and shows it") {
  Daemon daemon;
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
  Daemon daemon;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::unchanged);
  CHECK(outcome.succeeded());
  CHECK(outcome.changed_files.empty());
  CHECK(daemon.read("events") == "check\ndeploy 0\ncheck\n");
}

TEST_CASE("a certificate for where nothing is served touches nothing where something is") {
  Daemon daemon;
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
  Daemon daemon;
  daemon.is_placeholder = true;
  const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  daemon.deliver(make_bundle(names, key));
  fs::remove(daemon.path("crt.pem"));
  fs::remove(daemon.path("key.pem"));
  daemon.reload_now();
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
  CHECK(daemon.served() == "mx.example.com");
  CHECK(daemon.deploy().status == Status::unchanged);
  daemon.deliver(make_bundle(names, key));
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deliver(make_bundle(names));
  CHECK(daemon.deploy().status == Status::left_alone);
}

TEST_CASE("where nobody answers, files that are there are something that is served") {
  Daemon daemon;
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
  Daemon daemon;
  daemon.find_trust_problem = [](std::span<const pki::Certificate> chain) {
    return chain.front().names.front() == "old.example.com" ? std::string() : "self-signed certificate";
  };
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
  Daemon daemon;
  daemon.find_trust_problem = [](std::span<const pki::Certificate>) { return "self-signed certificate"; };
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::deployed_and_verified);
  CHECK_FALSE(outcome.loses_trust);
  CHECK(outcome.trust_problem == "self-signed certificate");
}

TEST_CASE("a script is not run where it would take away what who verifies trusts") {
  Daemon daemon;
  daemon.find_trust_problem = [](std::span<const pki::Certificate> chain) {
    return chain.front().names.front() == "old.example.com" ? std::string() : "self-signed certificate";
  };
  daemon.target.verify = {{.address = "127.0.0.1", .port = daemon.port()}};
  daemon.target.hook =
      make_hook(daemon.path("script"), "[ $1 != deploy ] || touch " + daemon.path("ran").string()).string();
  CHECK(daemon.deploy().status == Status::failed);
  CHECK_FALSE(fs::exists(daemon.path("ran")));
}

TEST_CASE("files in place that the daemon has not read need a reload, and no writing") {
  Daemon daemon;
  daemon.put("key.pem", daemon.bundle().private_key);
  daemon.put("crt.pem", daemon.bundle().full_chain());
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::deployed_and_verified);
  CHECK(outcome.changed_files.empty());
}

TEST_CASE("a renewal with the same key replaces the certificate alone") {
  Daemon daemon;
  const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  daemon.deliver(make_bundle(names, key));
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deliver(make_bundle(names, key));
  CHECK(daemon.deploy().changed_files == std::vector<fs::path>{daemon.path("crt.pem")});
}

TEST_CASE("a daemon that goes on serving the old certificate gets its old files back") {
  Daemon daemon;
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
  Daemon daemon;
  daemon.describe_as("", "deploy) echo rubbish >" + daemon.path("key.pem").string() + "; echo >>" +
                             daemon.path("reloads").string() + ";;");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rolled_back);
  daemon.expect_old_files();
  CHECK(daemon.served() == "old.example.com");
}

TEST_CASE("files that did not exist are gone again after a failure") {
  Daemon daemon;
  fs::remove(daemon.path("crt.pem"));
  fs::remove(daemon.path("key.pem"));
  daemon.deaf = true;
  CHECK(daemon.deploy().status == Status::rolled_back);
  CHECK_FALSE(fs::exists(daemon.path("crt.pem")));
  CHECK_FALSE(fs::exists(daemon.path("key.pem")));
}

TEST_CASE("a hook that fails to deploy is answered with the old files") {
  Daemon daemon;
  daemon.describe_as("", "deploy) echo 'no such service' >&2; exit 1;;");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rolled_back);
  CHECK_THAT(outcome.reason, ContainsSubstring("deploy exited with status 1: no such service"));
  daemon.expect_old_files();
}

TEST_CASE("when even the way back fails, the outcome says so, and what both failures were") {
  Daemon daemon;
  daemon.describe_as("", "deploy) echo one >&2; exit 1;; rollback) echo two >&2; exit 1;;");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rollback_failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("status 1: one; putting things back: "));
  CHECK_THAT(outcome.reason, ContainsSubstring("status 1: two"));
  CHECK(daemon.files_agree());
}

TEST_CASE("a daemon that no longer serves what it did is a failed way back") {
  Daemon daemon;
  daemon.progress = [&](Step step, std::string_view) {
    if (step == Step::verifying) daemon.accepting = false;
  };
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rollback_failed);
  CHECK_FALSE(outcome.hint.empty());
}

TEST_CASE("a hook that does not know rollback is asked to deploy, which reloads") {
  Daemon daemon;
  daemon.describe_as("", "rollback) exit 42;;");
  daemon.deaf = true;
  CHECK(daemon.deploy().status == Status::rolled_back);
  CHECK(daemon.read("events") == "check\ndeploy 0\ndeploy 0\n");
}

TEST_CASE("what the check refuses is not touched") {
  Daemon daemon;
  daemon.describe_as("", "check) echo 'wrong configuration' >&2; exit 1;;");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("wrong configuration"));
  CHECK(daemon.read("events").empty());
  CHECK_FALSE(fs::exists(daemon.path("journal")));
  CHECK(daemon.served() == "old.example.com");
}

TEST_CASE("a key, certificate or name that does not fit is refused before anything is asked") {
  Daemon daemon;
  auto bundle = make_bundle(names);
  bundle.private_key = make_bundle(names).private_key;
  daemon.deliver(bundle);
  CHECK_THAT(daemon.deploy().reason, ContainsSubstring("for another key"));
  daemon.deliver(make_bundle({"mx.example.com"}));
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("does not hold the name mx2.example.com"));
  CHECK(daemon.read("events").empty());
}

TEST_CASE("a daemon that is down gets its files and stays unverified") {
  Daemon daemon;
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
  Daemon daemon;
  daemon.describe_as(R"("running": false,)");
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
}

TEST_CASE("without the administrator's word an unconfigured daemon is left alone, and what to write is told") {
  Daemon daemon;
  daemon.describe_as(R"("configured": false, "configurable": true, "missing_configuration": "tls = yes\nkey = x",)");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::needs_configuration);
  CHECK(outcome.configuration == "tls = yes\nkey = x");
  CHECK_THAT(outcome.hint, ContainsSubstring("configure = true"));
  CHECK(daemon.read("events").empty());
}

TEST_CASE("what a configured daemon does without is told, and the rest is installed") {
  Daemon daemon;
  daemon.describe_as(R"("missing_configuration": "rsa = y", "warnings": ["an old one"],)");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::deployed_and_verified);
  CHECK(outcome.configuration == "rsa = y");
  CHECK(outcome.warnings == std::vector<std::string>{"an old one"});
}

TEST_CASE("two keys are proven by who takes only one kind, and a key that is not served is taken back with the other") {
  Daemon daemon;
  daemon.further_bundles = {make_bundle(names, pki::PrivateKey::generate(pki::KeyType::rsa_2048))};
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
  daemon.deliver(make_bundle(names));
  daemon.further_bundles = {make_bundle(names, pki::PrivateKey::generate(pki::KeyType::rsa_2048))};
  const DeployOutcome failed = daemon.deploy();
  CHECK(failed.status == Status::rolled_back);
  CHECK_THAT(failed.reason, ContainsSubstring("without SNI, only rsa") && !ContainsSubstring("only ecdsa"));
  CHECK(daemon.read("rsa.pem") == before);
}

TEST_CASE("a second key that the hook has no files for is not looked for") {
  Daemon daemon;
  daemon.further_bundles = {make_bundle(names, pki::PrivateKey::generate(pki::KeyType::rsa_2048))};
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::deployed_and_verified);
  CHECK(outcome.after.size() == 3);
}

TEST_CASE("a further certificate is shown to who asks for its names, and the default one stays for all others") {
  Daemon daemon;
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
  Daemon daemon;
  daemon.describe_as_further();
  daemon.shows_further_to_all = true;
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rolled_back);
  CHECK_THAT(outcome.reason, ContainsSubstring("without SNI shows mx.example.com"));
  CHECK(daemon.served() == "old.example.com");
}

TEST_CASE("files that the configuration lists are installed as a hook's are, and the daemon reloads by its command") {
  Daemon daemon;
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
  Daemon daemon;
  daemon.list_files("[ $MXCERT_EVENT = rollback ] || { echo no bus >&2; exit 3; }; echo >>{dir}/reloads");
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::rolled_back);
  CHECK_THAT(outcome.reason, ContainsSubstring("reload now exited with status 3: no bus"));
  daemon.expect_old_files();
}

TEST_CASE("a daemon of listed files that is down is not told to reload, and stays unverified") {
  Daemon daemon;
  daemon.list_files("exit 1");
  daemon.target.verify = {{.address = "127.0.0.1", .port = test::closed_port()}};
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::installed_unverified);
  CHECK(daemon.read("key.pem") == daemon.bundle().private_key);
}

TEST_CASE("listed files of a daemon that nobody said how to reach are installed, and unverifiable") {
  Daemon daemon;
  daemon.list_files("true");
  daemon.target.verify.clear();
  daemon.target.listed->reload.clear();
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::unverifiable);
  CHECK_THAT(outcome.reason, ContainsSubstring("key.pem does not say where it listens"));
  CHECK(daemon.read("events").empty());
}

TEST_CASE("a further key that does not fit is refused before anything is asked, and told from the first") {
  Daemon daemon;
  auto further = make_bundle(names, pki::PrivateKey::generate(pki::KeyType::rsa_2048));
  further.private_key = "nonsense";
  daemon.further_bundles = {further};
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("lineage/rsa/privkey.pem: not a private key"));
  CHECK(daemon.read("events").empty());
}

TEST_CASE("a configuration that no hook can write needs the administrator, even with the word given") {
  Daemon daemon;
  daemon.describe_as(R"("configured": false, "missing_configuration": "tls = yes",)");
  daemon.target.configure = true;
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::needs_configuration);
  CHECK_THAT(outcome.hint, !ContainsSubstring("configure = true"));
}

TEST_CASE("a daemon is configured when that was allowed, and unconfigured when it did not work") {
  Daemon daemon;
  daemon.describe_as(R"("configured": false, "configurable": true, "missing_configuration": "tls = yes",)");
  daemon.target.configure = true;
  daemon.deaf = true;
  CHECK(daemon.deploy().status == Status::rolled_back);
  CHECK(daemon.read("events") == "check\ndeploy 1\nrollback 1\nrollback 0\n");
  daemon.deaf = false;
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
}

TEST_CASE("what an earlier deployment configured stays when a later one does not work") {
  Daemon daemon;
  daemon.describe_as(R"("configured": false, "configurable": true, "missing_configuration": "tls = yes",)");
  daemon.target.configure = true;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deliver(make_bundle(names));
  daemon.deaf = true;
  CHECK(daemon.deploy().status == Status::rolled_back);
  CHECK(daemon.read("events") == "check\ndeploy 1\ncheck\ndeploy 1\nrollback 0\n");
  daemon.deaf = false;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  CHECK(daemon.withdraw().status == Status::withdrawn);
  CHECK(daemon.read("events").ends_with("rollback 1\nrollback 0\n"));
}

TEST_CASE("what names files that go altogether is told to go before them") {
  Daemon daemon;
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
  Daemon daemon;
  daemon.target.configure = true;
  CHECK(daemon.deploy().status == Status::deployed_and_verified);
  CHECK(daemon.read("events") == "check\ndeploy 0\n");
}

TEST_CASE("a script that knows no events is only run, and unverified unless it is said where to look") {
  Daemon daemon;
  make_hook(daemon.path("hook"), "echo \"$RENEWED_DOMAINS\" >>" + daemon.path("events").string());
  const DeployOutcome outcome = daemon.deploy();
  CHECK(outcome.status == Status::unverifiable);
  CHECK_THAT(outcome.hint, ContainsSubstring("verify = "));
  CHECK(daemon.read("events") == "mx.example.com mx2.example.com\n");
  CHECK(outcome.changed_files.empty());
}

TEST_CASE("a script is verified where the administrator says, and not run when all is served") {
  Daemon daemon;
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
  Daemon daemon;
  make_hook(daemon.path("hook"), "exit 42");
  CHECK(daemon.deploy().status == Status::failed);
}

TEST_CASE("a listener that was closed before and is closed still is a warning") {
  Daemon daemon;
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

TEST_CASE("killed at any step, the next run finds key and certificate in agreement and finishes") {
  int killed_at = 0;
  for (bool killed = true; killed; ++killed_at) {
    REQUIRE(killed_at < 30);
    Daemon daemon;
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
    Daemon daemon;
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
  Daemon daemon;
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
  Daemon daemon;
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
  Daemon daemon;
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
  Daemon daemon;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deliver(make_bundle(names));
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
  Daemon daemon;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.put("crt.pem", "the administrator's");
  const DeployOutcome outcome = daemon.withdraw();
  REQUIRE(outcome.warnings.size() == 1);
  CHECK_THAT(outcome.warnings[0], ContainsSubstring("crt.pem does not hold this certificate and is left alone"));
  CHECK(daemon.read("crt.pem") == "the administrator's");
}

TEST_CASE("a daemon that goes on to show a certificate that was taken away is told") {
  Daemon daemon;
  REQUIRE(daemon.deploy().status == Status::deployed_and_verified);
  daemon.deaf = true;
  const DeployOutcome outcome = daemon.withdraw();
  CHECK(outcome.status == Status::failed);
  CHECK_THAT(outcome.reason, ContainsSubstring("still shows the certificate"));
}
