#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "catch.h"
#include "deploy/description.h"
#include "deploy/make_hook.h"
#include "temp_dir.h"

// What hooks/exim makes of Exim's answers. How it fares with a real Exim is for the end-to-end tests.

using namespace mxcert;
using namespace mxcert::deploy;
using test::make_hook;
using test::TempDir;

namespace {

/// Runs the hook with an `exim4` that answers with `options`, one `name = value` a line, and no update-exim4.conf.
ProcessResult run(const std::string& event, const std::string& options, const std::string& expanded = "") {
  const TempDir dir;
  write_new_file(dir / "options",
                 options + "\npid_file_path = " + (dir / "pid").string() + "\nexim_user = root\nexim_group = root\n",
                 {});
  make_hook(dir / "exim4",
            fmt::format("case $1 in\n-bP) [ $2 = config_file ] && echo /etc/exim.conf || cat {}/options;;\n"
                        "-be) echo '{}';;\n-bV) echo 'Exim version 4.96 #2 built today';;\nesac",
                        dir.path().string(), expanded));
  RealClock clock;
  return run_process(clock, {.arguments = {std::string(MXCERT_SOURCE_HOOKS) + "/exim", event},
                             .environment = {{"PATH", dir.path().string() + ":/usr/bin:/bin"}, {"LC_ALL", "C"}}});
}

Description describe(const std::string& options, const std::string& expanded = "") {
  const ProcessResult result = run("describe", options, expanded);
  INFO(result.standard_error);
  REQUIRE(result.exit_status == 0);
  return parse_description(result.standard_output);
}

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

TEST_CASE("exim hook: a certificate that is no path, or several, is an error with words") {
  const ProcessResult relative = run("describe", "tls_certificate = exim.crt");
  CHECK(relative.exit_status == 1);
  CHECK_THAT(relative.standard_error, ContainsSubstring("not an absolute path: \"exim.crt\""));
  const ProcessResult several = run("describe", "tls_certificate = /etc/rsa.pem : /etc/ecdsa.pem");
  CHECK(several.exit_status == 1);
  CHECK_THAT(several.standard_error, ContainsSubstring("more than one certificate"));
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
