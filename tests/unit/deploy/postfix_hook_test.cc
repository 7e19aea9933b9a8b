#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "catch.h"
#include "deploy/hook_answer.h"
#include "deploy/make_hook.h"

// What hooks/postfix makes of the answers of postconf. How it fares with a real Postfix is for the end-to-end tests.

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
const std::string stock_services =
    "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd -o x=y\npickup unix n - y 60 1 pickup\n"
    "127.0.0.1:465 inet n - y - - smtpd\n";

/// A Postfix that never runs, whose configuration is in a folder of its own.
class Postfix {
 public:
  /// `main`, `overrides`: `name = value`, `service/type/name = value`, one a line, in front of what Debian has.
  explicit Postfix(const std::string& main = "", const std::string& overrides = "",
                   const std::string& services = stock_services) {
    write_new_file(dir_ / "main",
                   main +
                       "\nsmtpd_tls_security_level = may\nsmtpd_tls_wrappermode = no\ninet_interfaces = all\n"
                       "inet_protocols = all\nqueue_directory = /nosuch\nmail_version = 3.7.11\n",
                   {});
    write_new_file(dir_ / "overrides", overrides + "\n127.0.0.1:465/inet/smtpd_tls_wrappermode = yes\n", {});
    write_new_file(dir_ / "services", services, {});
    // Of lines with the same name the first one counts, so that a test can be in front.
    make_hook(
        dir_ / "postconf",
        fmt::format("cd {}\ncase \"$1 $2\" in\n'-h config_directory') pwd;;\n'-h default_database_type') echo hash;;\n"
                    "'-x -P') cat overrides;;\n-x*) awk '!seen[$1]++' main;;\n-M*) cat services;;\n"
                    "-m*) printf 'cdb\\nhash\\n';;\nesac",
                    dir_.path().string()));
  }

  ProcessResult run(const std::string& event, const Environment& environment = {}) const {
    return test::run_shipped_hook("postfix", event, dir_, environment);
  }
  Description describe(const Environment& environment = {}) const {
    return description_of(run("describe", environment));
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }

 private:
  TempDir dir_;
};

const Environment two_keys{{"MXCERT_KEY_TYPES", "ecdsa rsa"}};

}  // namespace

TEST_CASE("postfix hook: not set up, by none or by Debian's snakeoil certificate") {
  for (const char* certificate : {"", "none", "/etc/ssl/certs/ssl-cert-snakeoil.pem"}) {
    const Postfix postfix(fmt::format("smtpd_tls_cert_file = {}", certificate));
    const Description description = postfix.describe();
    CHECK(description.daemon == "Postfix 3.7.11");
    CHECK_FALSE(description.running);
    CHECK_FALSE(description.configured);
    CHECK(description.configurable);
    CHECK(description.missing_configuration ==
          fmt::format("postconf -e 'smtpd_tls_chain_files = {}'", postfix.path("mxcert.pem")));
    CHECK(files_of(description) == Texts{postfix.path("mxcert.pem") + " bundle"});
    CHECK(description.files[0].attributes.mode == 0600);
    CHECK(files_of(postfix.describe(two_keys)) == Texts{postfix.path("mxcert.pem") + " bundles"});
  }
}

TEST_CASE("postfix hook: chain files hold key and chain, each or together, for one key type or two") {
  CHECK(files_of(Postfix("smtpd_tls_chain_files = /etc/a.pem").describe()) == Texts{"/etc/a.pem bundle"});
  CHECK(files_of(Postfix("smtpd_tls_chain_files = /etc/a.pem").describe(two_keys)) == Texts{"/etc/a.pem bundles"});
  CHECK(files_of(Postfix("smtpd_tls_chain_files = /etc/a.pem, /etc/b.pem").describe(two_keys)) ==
        Texts{"/etc/a.pem bundle ecdsa", "/etc/b.pem bundle rsa"});
  const TempDir dir;
  write_new_file(dir / "key", "-----BEGIN EC PRIVATE KEY-----\n", {});
  write_new_file(dir / "chain", "-----BEGIN CERTIFICATE-----\n", {});
  const std::string key = (dir / "key").string(), chain = (dir / "chain").string();
  CHECK(files_of(Postfix(fmt::format("smtpd_tls_chain_files = {} {}", key, chain)).describe()) ==
        Texts{key + " privkey", chain + " fullchain"});
  const ProcessResult keyless = Postfix(fmt::format("smtpd_tls_chain_files = /etc/a.pem {}", key)).run("describe");
  CHECK(keyless.exit_status == 1);
  CHECK_THAT(keyless.standard_error, ContainsSubstring("ends with a key that no certificate follows: " + key));
}

TEST_CASE("postfix hook: the parameters of before chain files") {
  const Postfix one("smtpd_tls_cert_file = /etc/c.pem\nsmtpd_tls_key_file = /etc/k.pem");
  CHECK(files_of(one.describe()) == Texts{"/etc/k.pem privkey", "/etc/c.pem fullchain"});
  const std::string both =
      "smtpd_tls_cert_file = /etc/c.pem\nsmtpd_tls_key_file = /etc/c.pem\nsmtpd_tls_eccert_file = /etc/e.pem\n"
      "smtpd_tls_eckey_file = /etc/e.pem";
  CHECK(files_of(Postfix(both).describe(two_keys)) == Texts{"/etc/c.pem bundle ecdsa", "/etc/e.pem bundle rsa"});
}

TEST_CASE("postfix hook: a second key type that has no place is told, and with configure = true it gets one") {
  const Postfix postfix("smtpd_tls_cert_file = /etc/c.pem\nsmtpd_tls_key_file = /etc/c.pem");
  const Description told = postfix.describe(two_keys);
  CHECK(told.configured);
  CHECK(files_of(told) == Texts{"/etc/c.pem bundle ecdsa"});
  CHECK_THAT(told.missing_configuration, ContainsSubstring("smtpd_tls_chain_files"));
  const Description allowed = postfix.describe({{"MXCERT_KEY_TYPES", "ecdsa rsa"}, {"MXCERT_CONFIGURE", "1"}});
  CHECK_FALSE(allowed.configured);
  CHECK(files_of(allowed) == Texts{postfix.path("mxcert.pem") + " bundles"});
}

TEST_CASE("postfix hook: services, their addresses and how TLS begins there") {
  CHECK(listeners_of(Postfix().describe()) ==
        Texts{"0.0.0.0:25", "[::]:25", "0.0.0.0:587", "[::]:587", "127.0.0.1:465 implicit"});
  CHECK(listeners_of(Postfix("inet_protocols = ipv4").describe()) ==
        Texts{"0.0.0.0:25", "0.0.0.0:587", "127.0.0.1:465 implicit"});
  CHECK(listeners_of(
            Postfix("inet_interfaces = 192.0.2.1, [2001:db8::1]", "", "smtp inet n - y - - smtpd\n").describe()) ==
        Texts{"192.0.2.1:25", "[2001:db8::1]:25"});
  CHECK(listeners_of(Postfix("inet_interfaces = loopback-only", "", "2525 inet n - y - 1 postscreen\n").describe()) ==
        Texts{"127.0.0.1:2525", "[::1]:2525"});
}

TEST_CASE("postfix hook: a service without TLS is not looked at, and without any service with TLS it is not set up") {
  CHECK(listeners_of(Postfix("", "submission/inet/smtpd_tls_security_level = none").describe()) ==
        Texts{"0.0.0.0:25", "[::]:25", "127.0.0.1:465 implicit"});
  const Description off =
      Postfix("smtpd_tls_chain_files = /etc/a.pem\nsmtpd_tls_security_level = none", "", "smtp inet n - y - - smtpd\n")
          .describe();
  CHECK_FALSE(off.configured);
  CHECK(off.missing_configuration == "postconf -e 'smtpd_tls_security_level = may'");
  CHECK(off.listeners.empty());
}

TEST_CASE("postfix hook: a service with a certificate of its own is left to itself, with a warning") {
  const Description description =
      Postfix("smtpd_tls_chain_files = /etc/a.pem", "submission/inet/smtpd_tls_chain_files = /etc/users.pem")
          .describe();
  CHECK(listeners_of(description) == Texts{"0.0.0.0:25", "[::]:25", "127.0.0.1:465 implicit"});
  REQUIRE(description.warnings.size() == 1);
  CHECK_THAT(description.warnings[0], ContainsSubstring("service submission"));
  CHECK(Postfix("smtpd_tls_chain_files = /etc/a.pem", "submission/inet/smtpd_tls_chain_files = /etc/a.pem")
            .describe()
            .warnings.empty());
}

TEST_CASE("postfix hook: what is behind a proxy is not looked at, with a warning") {
  const Description description = Postfix("", "smtp/inet/smtpd_upstream_proxy_protocol = haproxy").describe();
  CHECK(listeners_of(description) == Texts{"0.0.0.0:587", "[::]:587", "127.0.0.1:465 implicit"});
  CHECK(description.warnings.size() == 1);
}

TEST_CASE("postfix hook: its certificate shown when it sends is warned of, in main.cf and in master.cf") {
  const std::string ours = "smtpd_tls_chain_files = /etc/a.pem\n";
  CHECK(Postfix(ours + "smtp_tls_cert_file = /etc/b.pem").describe().warnings.empty());
  const Texts in_main = Postfix(ours + "smtp_tls_chain_files = /etc/a.pem").describe().warnings;
  REQUIRE(in_main.size() == 1);
  CHECK_THAT(in_main[0], ContainsSubstring("smtp_tls_chain_files is /etc/a.pem"));
  const Texts in_master = Postfix(ours, "relay/unix/smtp_tls_cert_file = /etc/a.pem").describe().warnings;
  REQUIRE(in_master.size() == 1);
  CHECK_THAT(in_master[0], ContainsSubstring("relay/unix/smtp_tls_cert_file is /etc/a.pem"));
}

TEST_CASE("postfix hook: a certificate for SNI has files of its own, and a table that main.cf has to name") {
  const Environment sni{{"MXCERT_ROLE", "sni"}, {"MXCERT_NAME", "mx.example"}};
  const Postfix stock;
  const Description missing = stock.describe(sni);
  CHECK_FALSE(missing.configured);
  CHECK(missing.configurable);
  CHECK_THAT(missing.missing_configuration, ContainsSubstring("postmap -F hash:" + stock.path("mxcert-sni/table")));
  CHECK(files_of(missing) == Texts{stock.path("mxcert-sni/mx.example.pem") + " bundle",
                                   stock.path("mxcert-sni/mx.example.names") + " names"});
  const Description others = Postfix("tls_server_sni_maps = hash:/etc/postfix/sni").describe(sni);
  CHECK_FALSE(others.configurable);  // the administrator's own tables are not ours to change
  CHECK_THAT(others.missing_configuration, ContainsSubstring("'tls_server_sni_maps = hash:/etc/postfix/sni hash:/"));
}

TEST_CASE("postfix hook: a main.cf that it does not understand, or could not write as it was, is left alone") {
  const Postfix postfix;
  const std::string unended = "a = b\n# BEGIN mxcert\nours = x\nmyhostname = mx.example\n";
  const std::string binary = std::string("a = b\n") + '\0' + "c\n# BEGIN mxcert\nours = x\n# END mxcert\n";
  for (const std::string& main_cf : {unended, binary})
    for (const char* event : {"deploy", "rollback"}) {
      write_file_atomically(postfix.path("main.cf"), main_cf, {});
      const ProcessResult result = postfix.run(event, {{"MXCERT_CONFIGURE", "1"}});
      CHECK(result.exit_status == 1);
      CHECK_THAT(result.standard_error, ContainsSubstring(postfix.path("main.cf")));
      CHECK(read_file(postfix.path("main.cf"), 1'000) == main_cf);
    }
}

TEST_CASE("postfix hook: events it does not know are nothing to it") {
  CHECK(Postfix().run("tlsa").exit_status == 42);
  CHECK(Postfix().run("").exit_status == 42);
}
