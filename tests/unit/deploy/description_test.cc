#include "deploy/description.h"

#include <pwd.h>
#include <unistd.h>

#include "base/error.h"
#include "catch.h"
#include "deploy/make_credentials.h"
#include "deploy/make_hook.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::deploy;
using test::make_bundle;
using test::make_hook;
using test::TempDir;

namespace {

std::string file(const std::string& fields) {
  return R"({"files": [{"path": "/etc/x.pem", "content": "bundle", )" + fields + "}]}";
}
std::string listener(const std::string& fields) {
  return R"({"listeners": [{"address": "192.0.2.1", )" + fields + "}]}";
}

Description ask(const std::string& script) {
  const TempDir dir;
  RealClock clock;
  return describe(clock, make_hook(dir / "hook", "# $1\n" + script), {.hook = "hook"}, {});
}

}  // namespace

TEST_CASE("a hook's description is read whole") {
  const Description description = parse_description(R"({
    "version": 1, "daemon": "Exim 4.96", "running": false, "configured": false, "configurable": true,
    "missing_configuration": "a = 1\nb = 2\n", "later": [1, 2],
    "files": [ {"path": "/etc/exim4/exim.key", "content": "privkey", "owner": "root", "group": "0", "mode": "0640"},
               {"path": "/etc/exim4/exim.crt", "content": "fullchain"} ],
    "listeners": [ {"address": "0.0.0.0", "port": 25, "protocol": "smtp", "tls": "starttls"},
                   {"address": "::0", "port": 465, "tls": "implicit"},
                   {"address": "::1", "port": 993, "protocol": "imap", "tls": "implicit"} ] })");
  CHECK(description.daemon == "Exim 4.96");
  CHECK_FALSE(description.running);
  CHECK_FALSE(description.configured);
  CHECK(description.configurable);
  CHECK(description.missing_configuration == "a = 1\nb = 2");
  REQUIRE(description.files.size() == 2);
  CHECK(description.files[0].path == "/etc/exim4/exim.key");
  CHECK(description.files[0].content == Content::privkey);
  CHECK(description.files[0].attributes.mode == 0640);
  CHECK(description.files[0].attributes.owner == uid_t{0});
  CHECK(description.files[0].attributes.group == gid_t{0});
  CHECK(description.files[1].attributes.mode == 0644);
  CHECK_FALSE(description.files[1].attributes.owner);
  REQUIRE(description.listeners.size() == 3);
  CHECK(description.listeners[0] == Endpoint{.address = "0.0.0.0", .port = 25});
  CHECK(description.listeners[1] == Endpoint{.address = "::", .port = 465, .implicit_tls = true});
  CHECK(description.listeners[2] ==
        Endpoint{.address = "::1", .port = 993, .protocol = Protocol::imap, .implicit_tls = true});
}

TEST_CASE("a daemon that says nothing else runs, is configured, and has a private key nobody else reads") {
  const Description description = parse_description(R"({"files": [{"path": "/etc/x.pem", "content": "bundle"}]})");
  CHECK(description.running);
  CHECK(description.configured);
  CHECK_FALSE(description.configurable);
  CHECK(description.files.at(0).attributes.mode == 0600);
}

TEST_CASE("a description that cannot be right names the field") {
  const auto complaint = [](const std::string& json) -> std::string {
    try {
      parse_description(json);
      return "accepted";
    } catch (const Error& e) {
      return e.message();
    }
  };
  CHECK_THAT(complaint("{"), ContainsSubstring("not valid JSON"));
  CHECK_THAT(complaint("[]"), ContainsSubstring("not a JSON object"));
  CHECK_THAT(complaint(R"({"running": "yes"})"), ContainsSubstring("running: must be true or false"));
  CHECK_THAT(complaint(R"({"files": {}})"), ContainsSubstring("files: must be a list"));
  CHECK_THAT(complaint(R"({"files": ["/etc/x"]})"), ContainsSubstring("files: must be a list of objects"));
  CHECK_THAT(complaint(R"({"files": [{"path": "x.pem", "content": "cert"}]})"), ContainsSubstring("path: \"x.pem\""));
  CHECK_THAT(complaint(R"({"files": [{"path": "/x\u001b[0m", "content": "cert"}]})"), ContainsSubstring("\\x1b"));
  CHECK_THAT(complaint(R"({"files": [{"path": "/x"}]})"), ContainsSubstring("content: \"\" is none of"));
  CHECK_THAT(complaint(file(R"("mode": "0644")")), ContainsSubstring("lets everybody read a private key"));
  CHECK_THAT(complaint(file(R"("mode": "0660")")), ContainsSubstring("lets others write"));
  CHECK_THAT(complaint(file(R"("mode": "4640")")), ContainsSubstring("not an octal file mode"));
  CHECK_THAT(complaint(file(R"("mode": 640)")), ContainsSubstring("mode: must be a text"));
  CHECK_THAT(complaint(file(R"("mode": "0u+r")")), ContainsSubstring("not an octal file mode"));
  CHECK_THAT(complaint(file(R"("owner": "no-such-user")")), ContainsSubstring("no user \"no-such-user\""));
  CHECK_THAT(complaint(file(R"("group": "no-such-group")")), ContainsSubstring("no group \"no-such-group\""));
  CHECK_THAT(complaint(listener(R"("port": 0)")), ContainsSubstring("port: must be a number"));
  CHECK_THAT(complaint(listener(R"("port": "25")")), ContainsSubstring("port: must be a number"));
  CHECK_THAT(complaint(listener(R"("port": 65536)")), ContainsSubstring("port: must be a number"));
  CHECK_THAT(complaint(listener(R"("port": 25, "protocol": "http")")), ContainsSubstring("protocol: \"http\""));
  CHECK_THAT(complaint(listener(R"("port": 25, "tls": "yes")")), ContainsSubstring("tls: \"yes\""));
  CHECK_THAT(complaint(R"({"listeners": [{"address": "mx.example.com", "port": 25}]})"),
             ContainsSubstring("address: \"mx.example.com\" is not an IP address"));
  CHECK_THAT(complaint(file(R"("key_type": "dsa")")), ContainsSubstring("key_type: \"dsa\" is neither"));
  CHECK_THAT(complaint(R"({"files": [{"path": "/x", "content": "bundles", "mode": "0644"}]})"),
             ContainsSubstring("lets everybody read a private key"));
  CHECK_THAT(complaint(R"({"warnings": [1]})"), ContainsSubstring("warnings: must be a list of texts"));
  CHECK_THAT(complaint(R"({"warnings": "x"})"), ContainsSubstring("warnings: must be a list"));
  CHECK_THAT(complaint(R"({"configured": false})"), ContainsSubstring("missing_configuration: must say"));
  CHECK_THAT(complaint("{\"daemon\": \"" + std::string(1 << 18, 'x') + "\"}"), ContainsSubstring("more than"));
  CHECK_THAT(complaint("{\"a\": " + std::string(5000, '[') + std::string(5000, ']') + "}"),
             ContainsSubstring("nested too deeply"));
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += std::string(i == 0 ? "" : ",") + R"({"address": "::", "port": 25})";
  CHECK_THAT(complaint("{\"listeners\": [" + many + "]}"), ContainsSubstring("listeners: more than 64"));
}

TEST_CASE("files of several keys, a list of names, and warnings are described") {
  const Description description = parse_description(R"({
    "missing_configuration": "b = 2", "warnings": ["the \u001bold key"],
    "files": [ {"path": "/etc/rsa.pem", "content": "bundle", "key_type": "rsa"},
               {"path": "/etc/all.pem", "content": "bundles"}, {"path": "/etc/names", "content": "names"} ],
    "listeners": [ {"address": "::", "port": 4190, "protocol": "sieve"} ] })");
  CHECK(description.configured);
  CHECK(description.missing_configuration == "b = 2");
  CHECK(description.warnings == std::vector<std::string>{"the \\x1bold key"});
  REQUIRE(description.files.size() == 3);
  CHECK(description.files[0].key_type == pki::KeyFamily::rsa);
  CHECK_FALSE(description.files[1].key_type);
  CHECK(description.files[1].content == Content::bundles);
  CHECK(description.files[1].attributes.mode == 0600);
  CHECK(description.files[2].content == Content::names);
  CHECK(description.files[2].attributes.mode == 0644);
  CHECK(description.listeners.at(0).protocol == Protocol::sieve);
}

TEST_CASE("a file holds what its key type and content say") {
  const std::vector<std::string> names{"mx.example.com", "mx2.example.com"};
  const auto ecdsa = make_bundle(names);
  const auto rsa = make_bundle(names, pki::PrivateKey::generate(pki::KeyType::rsa_2048));
  const Delivery delivery{.certificate_name = "mx", .names = names, .bundle = ecdsa, .further_bundles = {rsa}};
  const auto text = [&](Content content, std::optional<pki::KeyFamily> key_type = {}) {
    return text_of(delivery, {.path = "/x", .content = content, .key_type = key_type});
  };
  CHECK(text(Content::bundle) == ecdsa.key_and_chain());
  CHECK(text(Content::privkey, pki::KeyFamily::rsa) == rsa.private_key);
  CHECK(text(Content::fullchain, pki::KeyFamily::ecdsa) == ecdsa.full_chain());
  CHECK(text(Content::bundles) == ecdsa.key_and_chain() + rsa.key_and_chain());
  CHECK(text(Content::names) == "mx.example.com\nmx2.example.com\n");
  const Delivery one{.certificate_name = "mx", .names = names, .bundle = ecdsa};
  CHECK_THROWS_WITH(text_of(one, {.path = "/x", .key_type = pki::KeyFamily::rsa}),
                    ContainsSubstring("/x is for a key of type rsa, which the certificate does not have"));
}

TEST_CASE("a hook that prints no JSON object, or does not know the event, is a plain script") {
  CHECK(ask("echo reloaded").plain_script);
  CHECK(ask("true").plain_script);
  CHECK(ask("exit 42").plain_script);
  CHECK(ask("echo '[1]'").plain_script);
  CHECK_FALSE(ask("echo '{}'").plain_script);
}

TEST_CASE("a script that looks at nothing we tell it is not asked: it would do all its work") {
  const auto runs_when_asked = [](const std::string& line) {
    const TempDir dir;
    RealClock clock;
    const auto hook = make_hook(dir / "hook", "touch " + (dir / "ran").string() + "\n" + line);
    CHECK(describe(clock, hook, {.hook = "hook"}, {}).plain_script);
    return std::filesystem::exists(dir / "ran");
  };
  CHECK_FALSE(runs_when_asked("cp \"$RENEWED_LINEAGE/fullchain.pem\" /dev/null || true; echo $# $? ${HOME}"));
  CHECK(runs_when_asked("echo '[{\"files\": []}]'"));
  CHECK(runs_when_asked("case $1 in deploy) ;; *) exit 42 ;; esac"));
  CHECK(runs_when_asked("[ \"$MXCERT_EVENT\" = deploy ] || exit 42"));
  CHECK(runs_when_asked("true \"$@\""));
  CHECK(runs_when_asked("true ${1:-deploy}"));
}

TEST_CASE("a hook that means to describe and cannot is an error, not a plain script") {
  CHECK_THROWS_WITH(ask("echo '{ broken'"), ContainsSubstring("hook hook describe: not valid JSON"));
  CHECK_THROWS_WITH(ask("echo '{}'; exit 1"), ContainsSubstring("exited with status 1"));
  CHECK_THROWS_WITH(ask("printf '{'; head -c 1000000 /dev/zero | tr '\\0' x"), ContainsSubstring("more than"));
}
