#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "catch.h"
#include "deploy/description.h"
#include "deploy/make_credentials.h"
#include "deploy/make_hook.h"
#include "temp_dir.h"

// What hooks/exim makes of Exim's answers. How it fares with a real Exim is for the end-to-end tests.

using namespace mxcert;
using namespace mxcert::deploy;
using nlohmann::json;
using test::make_hook;
using test::TempDir;

namespace {

/// What Exim says, and what mxcert tells the hook.
struct Scene {
  std::string options;                             // one `name = value` a line
  std::string expanded = {};                       // what any value with variables becomes
  std::string transports = {};                     // `exim -bP transports`
  std::map<std::string, std::string> environment;  // besides PATH
};

/// Runs the hook with an `exim4` that answers so, and no update-exim4.conf.
ProcessResult run(const std::string& event, const Scene& scene) {
  const TempDir dir;
  write_new_file(
      dir / "options",
      scene.options + "\npid_file_path = " + (dir / "pid").string() + "\nexim_user = root\nexim_group = root\n", {});
  write_new_file(dir / "transports", scene.transports, {});
  make_hook(dir / "exim4",
            fmt::format("cd {}\ncase $1-$2 in\n-bP-config_file) echo /etc/exim.conf;;\n"
                        "-bP-transports) cat transports;;\n-bP-*) cat options;;\n"
                        "-be-*) echo '> {}'; echo '> ';;\n-bV-*) echo 'Exim version 4.96 #2 built today';;\nesac",
                        dir.path().string(), scene.expanded));
  std::map<std::string, std::string> environment = scene.environment;
  environment.insert(
      {{"PATH", dir.path().string() + ":/usr/bin:/bin"}, {"LC_ALL", "C"}, {"MXCERT_NAME", "mx.example"}});
  RealClock clock;
  return run_process(clock,
                     {.arguments = {std::string(MXCERT_SOURCE_HOOKS) + "/exim", event}, .environment = environment});
}

ProcessResult run(const std::string& event, const std::string& options) {
  return run(event, Scene{.options = options, .environment = {}});
}

/// The hook's answer; what C++ makes of it is for description_test.
json describe_json(const Scene& scene) {
  const ProcessResult result = run("describe", scene);
  INFO(result.standard_error);
  REQUIRE(result.exit_status == 0);
  return json::parse(result.standard_output);
}

Description describe(const std::string& options, const std::string& expanded = "") {
  return parse_description(describe_json({.options = options, .expanded = expanded, .environment = {}}).dump());
}

/// `PATH CONTENT KEY_TYPE` of each file.
std::vector<std::string> files(const Scene& scene) {
  std::vector<std::string> texts;
  const json answer = describe_json(scene);
  for (const json& file : answer["files"])
    texts.push_back(file["path"].get<std::string>() + " " + file["content"].get<std::string>() +
                    (file.contains("key_type") ? " " + file["key_type"].get<std::string>() : ""));
  return texts;
}

const std::map<std::string, std::string> both_keys{{"MXCERT_KEY_TYPES", "ecdsa rsa"}};

std::vector<std::string> listeners(const std::string& options) {
  std::vector<std::string> texts;
  for (const Endpoint& endpoint : describe("tls_certificate = /etc/a.pem\n" + options).listeners)
    texts.push_back(to_string(endpoint) + (endpoint.implicit_tls ? " implicit" : ""));
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("exim hook: certificate and key in two files, in one, and in none yet") {
  const Description two = describe("tls_certificate = /etc/exim4/exim.crt\ntls_privatekey = /etc/exim4/exim.key");
  CHECK(two.daemon == "Exim 4.96");
  CHECK(two.configured);
  CHECK_FALSE(two.running);
  REQUIRE(two.files.size() == 2);
  CHECK(two.files[0].path == "/etc/exim4/exim.key");
  CHECK(two.files[0].content == Content::privkey);
  CHECK(two.files[0].attributes.mode == 0640);
  CHECK(two.files[1].content == Content::fullchain);
  const Description one = describe("tls_certificate = /etc/a b.pem\ntls_privatekey = ");
  REQUIRE(one.files.size() == 1);
  CHECK(one.files[0].path == "/etc/a b.pem");
  CHECK(one.files[0].content == Content::bundle);
  CHECK(describe("tls_certificate = /a\ntls_privatekey = /a").files.size() == 1);
  const Description none = describe("tls_certificate = \ntls_privatekey = ");
  CHECK_FALSE(none.configured);
  CHECK_FALSE(none.configurable);  // a plain exim.conf is the administrator's
  CHECK_THAT(none.missing_configuration, ContainsSubstring("in /etc/exim.conf, before"));
  CHECK_THAT(none.missing_configuration, ContainsSubstring("tls_certificate = /etc/exim4/mxcert.pem"));
  CHECK(none.files.at(0).content == Content::bundle);
}

TEST_CASE("exim hook: options with variables are expanded by Exim") {
  const Description description = describe("tls_certificate = ${if exists{/a}{/a}{/b}}", "/etc/b.pem");
  CHECK(description.files.at(0).path == "/etc/b.pem");
}

TEST_CASE("exim hook: a certificate that is no path, or not as many keys as certificates, is an error with words") {
  const ProcessResult relative = run("describe", "tls_certificate = exim.crt");
  CHECK(relative.exit_status == 1);
  CHECK_THAT(relative.standard_error, ContainsSubstring("not an absolute path: \"exim.crt\""));
  const ProcessResult uneven =
      run("describe", "tls_certificate = /etc/rsa.pem : /etc/ecdsa.pem\ntls_privatekey = /etc/key");
  CHECK(uneven.exit_status == 1);
  CHECK_THAT(uneven.standard_error, ContainsSubstring("do not list the same number of files"));
}

TEST_CASE("exim hook: of two files in a list each gets the key that it holds, else by position") {
  const TempDir dir;
  const std::string rsa = (dir / "a.pem").string();
  const std::string ecdsa = (dir / "b.pem").string();
  const Scene list{.options = "tls_certificate = " + rsa + " : " + ecdsa, .environment = both_keys};
  CHECK(files(list) == Texts{rsa + " bundle ecdsa", ecdsa + " bundle rsa"});  // neither is there yet
  write_new_file(rsa, test::make_bundle({"a"}, pki::PrivateKey::generate(pki::KeyType::rsa_2048)).leaf, {});
  CHECK(files(list) == Texts{rsa + " bundle rsa", ecdsa + " bundle ecdsa"});
  std::filesystem::remove(rsa);
  write_new_file(ecdsa, test::make_bundle({"b"}).key_and_chain(), {});
  CHECK(files(list) == Texts{rsa + " bundle rsa", ecdsa + " bundle ecdsa"});
  // keys apart from the certificates
  CHECK(
      files({.options = list.options + "\ntls_privatekey = /etc/a.key : /etc/b.key", .environment = both_keys}) ==
      Texts{"/etc/a.key privkey rsa", rsa + " fullchain rsa", "/etc/b.key privkey ecdsa", ecdsa + " fullchain ecdsa"});
  // more files than keys: none is left to expire
  CHECK(files({.options = list.options, .environment = {{"MXCERT_KEY_TYPES", "rsa"}}}) ==
        Texts{rsa + " bundle rsa", ecdsa + " bundle rsa"});
}

TEST_CASE("exim hook: one file and two keys: the primary one is installed, and the lines for the second are told") {
  const json answer = describe_json({.options = "tls_certificate = /etc/a.pem", .environment = both_keys});
  CHECK(answer["configured"] == true);
  CHECK_THAT(answer["missing_configuration"].get<std::string>(),
             ContainsSubstring("tls_certificate = ${if exists{") && ContainsSubstring("{/etc/a.pem${if exists{"
                                                                                      "/etc/exim4/mxcert+2.pem}"));
  REQUIRE(answer["files"].size() == 1);
  CHECK(answer["files"][0]["key_type"] == "ecdsa");
  CHECK(describe_json({.options = "tls_certificate = /etc/a.pem", .environment = {}})["missing_configuration"] == "");
}

TEST_CASE("exim hook: when tls_certificate names the file of the second key, it is maintained before it is there") {
  CHECK(files({.options = "tls_certificate = /etc/a.pem${if exists{/etc/exim4/mxcert+2.pem}{ : x}}",
               .expanded = "/etc/a.pem",
               .environment = both_keys}) == Texts{"/etc/a.pem bundle ecdsa", "/etc/exim4/mxcert+2.pem bundle rsa"});
}

TEST_CASE("exim hook: a certificate for SNI goes to a directory of its own, if the configuration looks there") {
  const std::map<std::string, std::string> sni{{"MXCERT_ROLE", "sni"}, {"MXCERT_KEY_TYPES", "ecdsa rsa"}};
  const json unknown = describe_json({.options = "tls_certificate = /etc/a.pem", .environment = sni});
  CHECK(unknown["configured"] == false);
  CHECK_THAT(unknown["missing_configuration"].get<std::string>(),
             ContainsSubstring("lookup{${lc:$tls_in_sni}}lsearch{/etc/exim4/mxcert-sni/map}"));
  const Scene known{.options = "tls_certificate = ${lookup{$tls_in_sni}lsearch{/etc/exim4/mxcert-sni/map}}",
                    .expanded = "/etc/a.pem",
                    .environment = sni};
  CHECK(describe_json(known)["configured"] == true);
  CHECK(files(known) == Texts{"/etc/exim4/mxcert-sni/mx.example.pem bundle",
                              "/etc/exim4/mxcert-sni/mx.example+2.pem bundle rsa",
                              "/etc/exim4/mxcert-sni/mx.example.names names"});
  const json first = describe_json({.options = "tls_certificate = ", .environment = sni});
  CHECK(first["configured"] == false);
  CHECK_THAT(first["missing_configuration"].get<std::string>(),
             ContainsSubstring("tls_certificate = /etc/exim4/mxcert.pem"));
}

TEST_CASE("exim hook: a transport that shows our certificate when it sends is warned about") {
  const json answer = describe_json(
      {.options = "tls_certificate = /etc/a.pem",
       .transports =
           "\nplain transport:\ntls_certificate = \n\nours transport:\nhosts = \ntls_certificate = /etc/a.pem\n"
           "\nother transport:\ntls_certificate = /etc/b.pem\n",
       .environment = {}});
  REQUIRE(answer["warnings"].size() == 1);
  CHECK_THAT(answer["warnings"][0].get<std::string>(), ContainsSubstring("transport ours shows /etc/a.pem"));
}

TEST_CASE("exim hook: ports by number and by name, on every interface") {
  CHECK(listeners("daemon_smtp_ports = 25 : smtps : 587\ntls_on_connect_ports = 465\nlocal_interfaces = 0.0.0.0") ==
        Texts{"0.0.0.0:25", "0.0.0.0:465 implicit", "0.0.0.0:587"});
}

TEST_CASE("exim hook: lists of interfaces in all their forms") {
  CHECK(listeners("daemon_smtp_ports = 25\nlocal_interfaces = <; 127.0.0.1 ; 192.0.2.1.26;[192.0.2.2]:27") ==
        Texts{"127.0.0.1:25", "192.0.2.1:26", "192.0.2.2:27"});
  CHECK(listeners("daemon_smtp_ports = 25\nlocal_interfaces = 127.0.0.1.26 : ::::1 : [2001::db8::::1]::27") ==
        Texts{"127.0.0.1:26", "[::1]:25", "[2001:db8::1]:27"});
  CHECK(listeners("daemon_smtp_ports = 25\nlocal_interfaces = <; ::1.28 ; [::1]:29 ; ::0") ==
        Texts{"[::1]:28", "[::1]:29", "[::]:25"});
  CHECK(listeners("daemon_smtp_ports = <, 25, 26\nlocal_interfaces = 127.0.0.1 : 127.0.0.2") ==
        Texts{"127.0.0.1:25", "127.0.0.1:26", "127.0.0.2:25", "127.0.0.2:26"});
}

TEST_CASE("exim hook: IPv6 interfaces are left out where Exim has it disabled") {
  CHECK(listeners("disable_ipv6\ndaemon_smtp_ports = 25\nlocal_interfaces = <; ::0 ; 0.0.0.0 ; ::1.26") ==
        Texts{"0.0.0.0:25"});
}

TEST_CASE("exim hook: events it does not know are nothing to it") {
  CHECK(run("tlsa", "").exit_status == 42);
  CHECK(run("", "").exit_status == 42);
}

TEST_CASE("exim hook: with Exim down, deploying is no failure") {
  CHECK(run("deploy", "tls_certificate = /etc/a.pem").exit_status == 0);
  CHECK(run("rollback", "tls_certificate = /etc/a.pem").exit_status == 0);
}
