#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "catch.h"
#include "deploy/hook_answer.h"
#include "deploy/make_hook.h"

// What hooks/dovecot makes of the answers of doveconf. How it fares with a real Dovecot is for the end-to-end tests.

using namespace mxcert;
using namespace mxcert::deploy;
using test::description_of;
using test::Environment;
using test::files_of;
using test::listeners_of;
using test::make_hook;
using test::TempDir;

namespace {

using Texts = std::vector<std::string>;

/// A Dovecot that never runs, whose configuration is in a folder of its own.
class Dovecot {
 public:
  /// `settings`: `name = value`, one a line, or `protocol:name = value`.
  explicit Dovecot(const std::string& settings, const std::string& version = "2.3.19.1") {
    std::filesystem::create_directory(dir_ / "conf.d");
    write_new_file(dir_ / "dovecot.conf", "!include conf.d/*.conf\n", {});
    write_new_file(dir_ / "settings",
                   settings + "\nssl = yes\nlisten = *, ::\nprotocols = imap sieve\nbase_dir = /nosuch\n", {});
    write_new_file(
        dir_ / "services",
        "service auth {\n  inet_listener auth {\n    port = 12345\n    ssl = no\n  }\n}\n"
        "service imap-login {\n  inet_listener imap {\n    address = \n    port = 143\n    ssl = no\n  }\n"
        "  inet_listener imaps {\n    address = 192.0.2.1, [2001:db8::1]\n    port = 993\n    ssl = yes\n  }\n"
        "  inet_listener off {\n    port = 0\n    ssl = yes\n  }\n  protocol = imap\n}\n"
        "service managesieve-login {\n  inet_listener sieve {\n    port = 4190\n    ssl = no\n  }\n"
        "  inet_listener proxied {\n    haproxy = yes\n    port = 4191\n    ssl = no\n  }\n  protocol = sieve\n}\n"
        "service pop3-login {\n  inet_listener pop3 {\n    port = 110\n    ssl = no\n  }\n  protocol = pop3\n}\n",
        {});
    make_hook(dir_ / "doveconf",
              fmt::format("cd {}\nvalue() {{ sed -n \"\\,^$1 = ,{{s///p;q;}}\" settings | grep .; }}\n"
                          "case $1 in\n-n) echo \"# {} (abc): $PWD/dovecot.conf\";;\n"
                          "-h) value \"$2\" || echo;;\n-f) value \"${{2#*=}}:$4\" || value \"$4\" || echo;;\n"
                          "service) cat services;;\nesac",
                          dir_.path().string(), version));
  }

  ProcessResult run(const std::string& event, const Environment& environment = {}) const {
    return test::run_shipped_hook("dovecot", event, dir_, environment);
  }
  Description describe(const Environment& environment = {}) const {
    return description_of(run("describe", environment));
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }

 private:
  TempDir dir_;
};

const Environment two_keys{{"MXCERT_KEY_TYPES", "ecdsa rsa"}};
const std::string own_files = "ssl_cert = </etc/c.pem\nssl_key = </etc/k.pem";

}  // namespace

TEST_CASE("dovecot hook: not set up, by none or by Debian's snakeoil certificate") {
  for (const char* certificate : {"", "</etc/ssl/certs/ssl-cert-snakeoil.pem"}) {
    const Dovecot dovecot(fmt::format("ssl_cert = {}\nssl_key = {}", certificate, certificate));
    const Description description = dovecot.describe();
    const std::string pem = dovecot.path("mxcert.pem");
    CHECK(description.daemon == "Dovecot 2.3.19.1");
    CHECK_FALSE(description.running);
    CHECK_FALSE(description.configured);
    CHECK(description.configurable);
    CHECK(description.missing_configuration ==
          fmt::format("# in {}\nssl_cert = <{}\nssl_key = <{}", dovecot.path("conf.d/99-mxcert.conf"), pem, pem));
    CHECK(files_of(description) == Texts{pem + " bundle"});
  }
}

TEST_CASE("dovecot hook: version 2.4 has other words for it, in sections that are asked for") {
  const Dovecot stock("", "2.4.1-4");
  CHECK_THAT(stock.describe().missing_configuration,
             ContainsSubstring(
                 fmt::format("\nssl_server_cert_file = {0}\nssl_server_key_file = {0}", stock.path("mxcert.pem"))));
  const std::string own = "ssl_server/ssl_server_cert_file = /etc/c.pem\nssl_server/ssl_server_key_file = /etc/k.pem\n";
  CHECK(files_of(Dovecot(own, "2.4.1-4").describe()) == Texts{"/etc/k.pem privkey", "/etc/c.pem fullchain"});
  const Texts warnings = Dovecot(own + "protocols = imap = yes\nimap:ssl_server/ssl_server_cert_file = /etc/x\n" +
                                     "ssl_client/ssl_client_cert_file = /etc/c.pem",
                                 "2.4.1-4")
                             .describe()
                             .warnings;
  CHECK_THAT(warnings.front(), ContainsSubstring("protocol imap a certificate of its own"));
  CHECK_THAT(warnings.back(), ContainsSubstring("ssl_client_cert_file is /etc/c.pem"));
  CHECK_FALSE(listeners_of(Dovecot(own + "protocols = imap = yes", "2.4.1-4").describe()).empty());
  CHECK(listeners_of(Dovecot(own + "protocols = imap = no", "2.4.1-4").describe()).empty());
}

TEST_CASE("dovecot hook: the files that the configuration names, for one key type and for two") {
  const Description one = Dovecot(own_files).describe();
  CHECK(one.configured);
  CHECK(files_of(one) == Texts{"/etc/k.pem privkey", "/etc/c.pem fullchain"});
  CHECK(files_of(Dovecot("ssl_cert = < /etc/b.pem\nssl_key = </etc/b.pem").describe()) == Texts{"/etc/b.pem bundle"});
  CHECK(files_of(Dovecot(own_files + "\nssl_alt_cert = </etc/a.pem\nssl_alt_key = </etc/a.pem").describe(two_keys)) ==
        Texts{"/etc/k.pem privkey ecdsa", "/etc/c.pem fullchain ecdsa", "/etc/a.pem bundle rsa"});
}

TEST_CASE("dovecot hook: a second key type that has no place is told, and with configure = true it gets one") {
  const Dovecot dovecot(own_files);
  const Description told = dovecot.describe(two_keys);
  CHECK(told.configured);
  CHECK(told.files.size() == 2);
  CHECK_THAT(told.missing_configuration, ContainsSubstring("ssl_alt_cert = <" + dovecot.path("mxcert+2.pem")));
  const Description allowed = dovecot.describe({{"MXCERT_KEY_TYPES", "ecdsa rsa"}, {"MXCERT_CONFIGURE", "1"}});
  CHECK_FALSE(allowed.configured);
  CHECK(files_of(allowed).back() == dovecot.path("mxcert+2.pem") + " bundle rsa");
}

TEST_CASE("dovecot hook: a key in the configuration itself is an error that does not show it") {
  const ProcessResult result = Dovecot("ssl_cert = </etc/c.pem\nssl_key = -----BEGIN SECRET").run("describe");
  CHECK(result.exit_status == 1);
  CHECK_THAT(result.standard_error, ContainsSubstring("ssl_key is not the name of a file"));
  CHECK(result.standard_error.find("SECRET") == std::string::npos);
  CHECK(result.standard_output.find("SECRET") == std::string::npos);
}

TEST_CASE("dovecot hook: listeners of enabled protocols, where no proxy is before them") {
  const Description description = Dovecot(own_files).describe();
  CHECK(listeners_of(description) == Texts{"0.0.0.0:143", "[::]:143", "192.0.2.1:993 implicit",
                                           "[2001:db8::1]:993 implicit", "0.0.0.0:4190", "[::]:4190"});
  CHECK(description.listeners[0].protocol == Protocol::imap);
  CHECK(description.listeners[4].protocol == Protocol::sieve);
  REQUIRE(description.warnings.size() == 1);
  CHECK_THAT(description.warnings[0], ContainsSubstring("4191"));
  CHECK(Dovecot(own_files + "\nssl = no").describe().listeners.empty());
}

TEST_CASE("dovecot hook: a protocol with a certificate of its own is left to itself, with a warning") {
  const Description description = Dovecot(own_files + "\nimap:ssl_cert = </etc/imap.pem").describe();
  CHECK(listeners_of(description) == Texts{"0.0.0.0:4190", "[::]:4190"});
  CHECK_THAT(description.warnings.at(0), ContainsSubstring("protocol imap"));
  // The same file by another spelling is ours.
  CHECK(listeners_of(Dovecot(own_files + "\nimap:ssl_cert = < /etc/c.pem").describe()).size() == 6);
}

TEST_CASE("dovecot hook: its certificate shown to others is warned of") {
  const Texts warnings = Dovecot(own_files + "\nssl_client_cert = </etc/c.pem").describe().warnings;
  CHECK_THAT(warnings.back(), ContainsSubstring("ssl_client_cert is /etc/c.pem"));
}

TEST_CASE(
    "dovecot hook: a certificate for SNI has files of its own, and blocks that the configuration has to include") {
  const Environment sni{{"MXCERT_ROLE", "sni"}, {"MXCERT_KEY_TYPES", "ecdsa rsa"}};
  const Dovecot dovecot(own_files);
  const Description description = dovecot.describe(sni);
  CHECK_FALSE(description.configured);
  CHECK_THAT(description.missing_configuration,
             ContainsSubstring("\n!include_try " + dovecot.path("mxcert-sni/names.conf")));
  CHECK(files_of(description) == Texts{dovecot.path("mxcert-sni/mx.example.pem") + " bundle",
                                       dovecot.path("mxcert-sni/mx.example+2.pem") + " bundle rsa",
                                       dovecot.path("mxcert-sni/mx.example.names") + " names"});
}

TEST_CASE("dovecot hook: blocks for SNI are made of all certificates there, those of the default one left out") {
  const Dovecot dovecot(own_files);
  const Environment sni{{"MXCERT_ROLE", "sni"}, {"MXCERT_NAME", "b"}};
  REQUIRE(dovecot.run("check", sni).exit_status == 0);
  const std::filesystem::path directory = dovecot.path("mxcert-sni");
  for (const char* name : {"a", "b"})
    write_new_file(directory / (std::string(name) + ".pem"), "key", {});
  write_new_file(directory / "a.names", "mx.a.example\nshared.example\nold.example\n", {});
  write_new_file(directory / "b.names", "shared.example\n", {});
  write_new_file(directory / "default", "old.example\n", {});
  REQUIRE(dovecot.run("deploy", sni).exit_status == 0);
  // Without a second key of its own, a name would have that of the default certificate.
  const auto block = [&](const std::string& name, const std::string& file) {
    const std::string pem = (directory / file).string();
    return fmt::format(
        "local_name {0} {{\nssl_cert = <{1}\nssl_key = <{1}\nssl_alt_cert = <{1}\nssl_alt_key = <{1}\n}}\n", name, pem);
  };
  CHECK(read_file(directory / "names.conf", 10'000) ==
        block("shared.example", "b.pem") + block("mx.a.example", "a.pem"));
}

TEST_CASE("dovecot hook: events it does not know are nothing to it") {
  CHECK(Dovecot(own_files).run("tlsa").exit_status == 42);
}
