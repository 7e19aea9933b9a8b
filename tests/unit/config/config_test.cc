#include "config/config.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "catch.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::config;

namespace {

/// Reads `text` as the configuration file, with further options.
struct Fixture {
  test::TempDir dir;
  ConfigOptions options;
  const std::string hook = make_hook("hook");

  std::string make_hook(const std::string& name) const {
    write_file_atomically(dir / name, "#!/bin/sh\n", {.mode = 0755});
    return (dir / name).string();
  }

  Config load(const std::string& text) {
    write_file_atomically(dir / "mxcert.toml", text, {.mode = 0644});
    options.config_file = (dir / "mxcert.toml").string();
    return load_config(options);
  }
  /// The message without the directory, and the hint behind ` | `.
  std::string error_of(const std::string& text) {
    try {
      load(text);
    } catch (const ConfigError& e) {
      const std::string message = e.message();
      const std::string folder = dir.path().string() + "/";
      return (message.starts_with(folder) ? message.substr(folder.size()) : message) + " | " + e.hint();
    }
    return "no error";
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a full configuration is read") {
  const Config config = load(fmt::format(R"(
contact = ["postmaster@example.com", "mailto:root@example.com"]
agree_tos = true
state_dir = "/tmp/state"
[ca]
directory = "letsencrypt-staging"
profile = "tlsserver"
preferred_chain = "ISRG Root X1"
trust = "/etc/mxcert/ca.pem"
timeout = 90
account_key = "rsa-3072"
[domains]
list = ["example.com", "Bücher.example", "EXAMPLE.com."]
[hosts]
addresses = ["203.0.113.7", "2001:db8::7"]
names = ["mx*.example.com"]
siblings = ["198.51.100.7"]
exclude = ["mx-backup.example.com"]
[dns]
servers = ["192.0.2.54", "127.0.0.1@8053"]
trust_anchor = "/etc/root.key"
[certificate]
keys = ["rsa-2048", "ecdsa-p384"]
reuse_key = false
extra_names = ["imap.example.com"]
srv = true
keep_for = "36h"
pack = "per-host"
max_names = 25
[challenge]
type = "http-01"
listen = ["0.0.0.0:80", "[::]:80"]
[renew]
before = "1/4"
[[deploy]]
hook = "{}"
verify = ["192.0.2.1:25"]
configure = true
timeout = 5
verify_timeout = 90
[[deploy]]
hook = "{}"
)",
                                         hook, make_hook("other")));
  CHECK(config.contact == std::vector<std::string>{"postmaster@example.com", "root@example.com"});
  CHECK(config.agree_tos);
  CHECK(config.ca.account_key == pki::KeyType::rsa_3072);
  CHECK(config.ca.directory_url == "https://acme-staging-v02.api.letsencrypt.org/directory");
  CHECK(config.ca.timeout == std::chrono::seconds(90));
  CHECK(config.ca.profile == "tlsserver");
  CHECK(config.ca.preferred_chain == "ISRG Root X1");
  REQUIRE(config.domains.size() == 2);
  CHECK(config.domains[1].name.ascii() == "xn--bcher-kva.example");
  CHECK(config.domains[1].source == "config");
  CHECK(config.host_addresses.size() == 2);
  CHECK(config.services);
  CHECK(config.host_siblings.front().to_string() == "198.51.100.7");
  CHECK(config.host_names.front().text() == "mx*.example.com");
  CHECK(config.key_types == std::vector{pki::KeyType::rsa_2048, pki::KeyType::ecdsa_p384});
  CHECK_FALSE(config.reuse_key);
  CHECK(config.keep_for == std::chrono::hours{36});
  CHECK(config.pack == mx::Pack::per_host);
  CHECK(config.max_names == 25);
  CHECK(config.renew.time_before_end(std::chrono::hours{400}) == std::chrono::hours{100});
  CHECK(config.challenge.method.listen.size() == 2);
  REQUIRE(config.targets.size() == 2);
  CHECK(config.targets[0].configure);
  CHECK(config.targets[0].verify.front().port == 25);
  CHECK(config.targets[0].timeout == std::chrono::seconds(5));
  CHECK(config.targets[0].verify_timeout == std::chrono::seconds(90));
  CHECK_FALSE(config.targets[1].configure);
}

TEST_CASE_METHOD(Fixture, "an unknown key is an error that says where, and what was meant") {
  CHECK(error_of("contcat = []") == "mxcert.toml:1:1: unknown key contcat | did you mean contact?");
  CHECK(error_of("[certificate]\nreuse-key = true") ==
        "mxcert.toml:2:1: unknown key reuse-key in [certificate] | did you mean reuse_key?");
  CHECK_THAT(error_of("[certificat]\n"), ContainsSubstring("did you mean certificate?"));
  // Not built yet is unknown, not silently ignored.
  CHECK_THAT(error_of("[notify]\nmail = \"x\""), ContainsSubstring("unknown key notify"));
}

TEST_CASE_METHOD(Fixture, "every bad value says where it stands, what was found and what to do") {
  const auto [text, message] = GENERATE(table<std::string, std::string>({
      {"contact = \"x\"", "mxcert.toml:1:11: contact must be a list of texts, as in [\"…\", \"…\"], not a text"},
      {"contact = [7]", "mxcert.toml:1:12: contact must be a text in quotes, not a whole number"},
      {"contact = [\"nobody\"]", "mxcert.toml:1:12: nobody is not an e-mail address"},
      {"agree_tos = \"yes\"", "mxcert.toml:1:13: agree_tos must be true or false, not a text"},
      {"state_dir = \"state\"", "mxcert.toml:1:13: state is not an absolute path"},
      {"ca = \"letsencrypt\"", "mxcert.toml:1:6: ca must be a table, as in [ca], not a text"},
      {"[ca]\ndirectory = \"letsencript\"", "did you mean letsencrypt?"},
      {"[ca]\ndirectory = \"http://ca.example/dir\"", "is not https"},
      {"[ca]\ntimeout = 0", "mxcert.toml:2:11: timeout must be between 1 and 86400, not 0"},
      {"[[deploy]]\nverify_timeout = 4000", "mxcert.toml:2:18: verify_timeout must be between 1 and 3600, not 4000"},
      {"[domains]\nlist = [\"exa mple.com\"]", "mxcert.toml:2:9: "},
      {"[domains]\nlist = [\"example.com\", \"[192.0.2.1]\"]", "mxcert.toml:2:24: "},
      {"[domains]\nfiles = [\"/no/such/file\"]",
       "mxcert.toml:2:10: cannot read /no/such/file: No such file or directory"},
      {"[hosts]\naddresses = [\"192.0.2.1/24\"]", "mxcert.toml:2:14: "},
      {"[ca]\nfallback = [\"internal\"]", "mxcert.toml:2:13: the internal CA is no fallback"},
      {"[ca]\nfallback = [{ directory = \"internal\" }]", "the internal CA is no fallback"},
      {"[certificate]\nkeys = []", "keys names no key type"},
      {"[certificate]\nkeys = [\"ecdsa-p256\", \"ecdsa-p384\"]",
       "mxcert.toml:2:23: ecdsa-p384 besides ecdsa-p256: keys may name one ECDSA and one RSA type"},
      {"[certificate]\nkeys = [\"rsa-2048\", \"ecdsa-p256\", \"rsa-2048\"]", "mxcert.toml:2:35: rsa-2048 besides"},
      {"[certificate]\nkeys = [\"dsa\"]", "mxcert.toml:2:9: dsa is not a key type"},
      {"[ca]\nprofile = \"\"", "mxcert.toml:2:11: an empty text is no name"},
      {"[renew]\nbefore = \"soon\"", "mxcert.toml:2:10: soon is neither a fraction of the lifetime nor a duration"},
      {"[certificate]\nmax_names = 0", "mxcert.toml:2:13: max_names must be between 1 and 1000, not 0"},
      {"[certificate]\nkeep_for = \"a week\"", "mxcert.toml:2:12: a week is no number of days or hours"},
      {"[certificate]\nkeep_for = \"401d\"", "mxcert.toml:2:12: 401d is no number of days or hours"},
      {"[certificate]\npack = \"per_host\"", "mxcert.toml:2:8: per_host is no way to pack names"},
      {"[challenge]\ntype = \"dns-02\"", "mxcert.toml:2:8: challenge type dns-02 is not supported"},
      {"[challenge]\nlisten = [\"port 80\"]", "mxcert.toml:2:11: "},
      {"[[deploy]]\nconfigure = true", "mxcert.toml:1:1: [[deploy]] without hook"},
      {"[[deploy]]\nhok = \"exim\"", "mxcert.toml:2:1: unknown key hok in [deploy] | did you mean hook?"},
      {"[[deploy]]\nhook = \"no-such-hook\"", "mxcert.toml:2:8: no hook \"no-such-hook\""},
      {"[[deploy]]\nhook = \"exim\"\nverify = [\"mx.example.com:25\"]", "mxcert.toml:3:11: "},
      {"[[deploy]]\nhook = \"/bin/true\"\ncertificates = [\"mx_.\"]", "mxcert.toml:3:17: "},
      {"[[deploy]]\nhook = \"files\"", "mxcert.toml:1:1: hook = \"files\" needs files"},
      {"[[deploy]]\nhook = \"files\"\nfiles = [{ content = \"cert\" }]",
       "mxcert.toml:3:10: files has an entry without"},
      {"[[deploy]]\nhook = \"files\"\nfiles = [{ path = \"x.pem\" }]", "mxcert.toml:3:19: \"x.pem\" is not absolute"},
      {"[[deploy]]\nhook = \"files\"\nfiles = [{ path = \"/x\" }]", "mxcert.toml:3:10: \"\" is none of privkey"},
      {"[[deploy]]\nhook = \"files\"\nfiles = [{ path = \"/x\", content = \"bundle\", mode = \"0644\" }]",
       "mxcert.toml:3:52: 0644 lets everybody read a private key"},
      {"[[deploy]]\nhook = \"files\"\nfiles = [{ path = \"/x\", content = \"cert\", group = \"nosuch\" }]",
       "mxcert.toml:3:51: no group \"nosuch\""},
      {"[[deploy]]\nhook = \"files\"\nfiles = [{ path = \"/x\", content = \"cert\", grup = \"root\" }]",
       "unknown key grup in [files] | did you mean group?"},
      {"[[deploy]]\nhook = \"files\"\nfiles = [{ path = \"/x\", content = \"cert\" }]\nreload = [\"no-such\"]",
       "mxcert.toml:4:11: there is no program \"no-such\""},
      {"[[deploy]]\nhook = \"files\"\nfiles = [{ path = \"/x\", content = \"cert\" }]\nconfigure = true",
       "hook = \"files\" configures nothing"},
      {"[[deploy]]\nhook = \"/bin/true\"\nreload = [\"true\"]", "files and reload are for hook = \"files\""},
      {"[deploy]\nhook = \"exim\"", "must be a list of tables, as in [[deploy]]"},
      {"contact = [", "mxcert.toml:1:"},
      {"contact = []\ncontact = []", "not valid TOML"},
  }));
  CAPTURE(text);
  CHECK_THAT(error_of(text), ContainsSubstring(message));
}

TEST_CASE_METHOD(Fixture, "a file of domains is read line by line, and its bad line is named") {
  const auto file = dir / "domains";
  write_file_atomically(file, "# ours\n\nexample.com\n  example.net   # customer\r\nexample.com\n", {.mode = 0644});
  const std::string text = "[domains]\nlist = [\"example.org\"]\nfiles = [\"" + file.string() + "\"]\n";
  const Config config = load(text);
  REQUIRE(config.domains.size() == 3);
  CHECK(config.domains[1].name.ascii() == "example.com");
  CHECK(config.domains[1].source == file.string());

  write_file_atomically(file, "example.com\nexample..net\n", {.mode = 0644});
  CHECK_THAT(error_of(text), ContainsSubstring("domains:2: "));
}

TEST_CASE_METHOD(Fixture, "a command that lists domains is a trustworthy program with its arguments") {
  const std::string text = "[domains]\ncommand = [\"" + hook + "\", \"--all\"]\n";
  const Config config = load(text);
  CHECK(config.domain_command == std::vector<std::string>{hook, "--all"});
  CHECK_NOTHROW(require_domains(config));
  REQUIRE(::chmod(hook.c_str(), 0757) == 0);
  CHECK_THAT(error_of(text), ContainsSubstring("mxcert.toml:2:12: ") && ContainsSubstring("can be written by others"));
  CHECK_THAT(error_of("[domains]\ncommand = [\"ls\"]"), ContainsSubstring("ls is not an absolute path"));
  CHECK_THAT(error_of("[domains]\ncommand = [\"/no/such/program\"]"), ContainsSubstring("cannot be run"));
  CHECK_THROWS_AS(require_domains(load("[domains]\ncommand = []\n")), ConfigError);
}

TEST_CASE_METHOD(Fixture, "mail servers that can be asked for their domains are known by name, each once") {
  options.domains_from = {"postfix", "exim"};
  const Config config = load("[domains]\nfrom = [\"exim\"]\n");
  CHECK(config.domains_from == std::vector<std::string>{"exim", "postfix"});
  CHECK_NOTHROW(require_domains(config));
  CHECK(error_of("[domains]\nfrom = [\"postfx\"]") ==
        "mxcert.toml:2:9: postfx is no mail server that can be asked | did you mean postfix?");
}

TEST_CASE_METHOD(Fixture, "options replace values and add to lists") {
  options.ca = "https://ca.example/dir";
  options.domains = {"example.net"};
  options.deploy = {hook};
  options.configure = true;
  options.agree_tos = true;
  options.ca_timeout = 90;
  const Config config = load("[ca]\ndirectory = \"letsencrypt\"\ntimeout = 30\n[domains]\nlist = [\"example.com\"]\n");
  CHECK(config.ca.directory_url == "https://ca.example/dir");
  CHECK(config.ca.timeout == std::chrono::seconds(90));
  REQUIRE(config.domains.size() == 2);
  CHECK(config.domains[1].source == "command line");
  CHECK(config.agree_tos);
  REQUIRE(config.targets.size() == 1);
  CHECK(config.targets.front().configure);
}

TEST_CASE_METHOD(Fixture, "an option for a target that the file has says more of the same target") {
  options.deploy = {hook};
  options.verify = {"192.0.2.1:25"};
  const Config config = load("[[deploy]]\nhook = \"" + hook + "\"\n");
  REQUIRE(config.targets.size() == 1);
  CHECK(config.targets.front().verify.size() == 1);
}

TEST_CASE("a bad option is named") {
  ConfigOptions options;
  options.domains = {"exam_ple.com"};
  CHECK_THROWS_WITH(load_config(options), ContainsSubstring("--domain: "));
  options = {};
  options.configure = true;
  CHECK_THROWS_WITH(load_config(options), ContainsSubstring("--deploy, which is missing"));
  options = {};
  options.config_file = "/no/such/mxcert.toml";
  CHECK_THROWS_WITH(load_config(options), ContainsSubstring("there is no such file"));
}

TEST_CASE_METHOD(Fixture, "files that a daemon without hook reads are listed, with what reloads it") {
  const Config config = load(R"([[deploy]]
hook = "files"
files = [ { path = "/etc/haraka/{name}.pem", content = "bundle", owner = "root", group = "0", mode = "0640" },
          { path = "/etc/haraka/rsa.pem", content = "bundle", key_type = "rsa" } ]
reload = ["true", "haraka"]
verify = ["192.0.2.1:25"]
)");
  REQUIRE(config.targets.size() == 1);
  const deploy::Target& target = config.targets[0];
  CHECK(target.hook == "files");
  REQUIRE(target.listed);
  REQUIRE(target.listed->files.size() == 2);
  CHECK(target.listed->files[0].attributes.mode == 0640);
  CHECK(target.listed->files[0].attributes.owner == uid_t{0});
  CHECK(target.listed->files[1].key_type == pki::KeyFamily::rsa);
  CHECK(target.listed->files[1].attributes.mode == 0600);
  CHECK(target.listed->reload == std::vector<std::string>{"true", "haraka"});
  const auto settings = explain_config(config);
  CHECK(settings.back().second == "files /etc/haraka/{name}.pem, /etc/haraka/rsa.pem; reload: true haraka");

  options.deploy = {"files"};
  CHECK_THROWS_WITH(load(""), ContainsSubstring("has to list the files"));
}

TEST_CASE("without any domain one is told how to name some") {
  CHECK_THROWS_WITH(require_domains(Config{}), ContainsSubstring("no /etc/mxcert/mxcert.toml and no --domain"));
}

TEST_CASE_METHOD(Fixture, "how a name is validated is decided by the first pattern for it, else by [challenge]") {
  const Config config = load(R"(
[challenge]
listen = ["192.0.2.1:80"]
[[challenge.for]]
names = ["mx1.example.net", "mx?.example.net"]
webroot = "/var/www/one"
[[challenge.for]]
names = ["*.example.net"]
webroot = "/var/www/two"
)");
  const auto webroot_of = [&](const char* name) {
    const auto& method = config.challenge.method_for(dns::DnsName::parse(name));
    return method.webroot ? method.webroot->string() : std::string("none");
  };
  CHECK(webroot_of("mx1.example.net") == "/var/www/one");
  CHECK(webroot_of("mx.example.net") == "/var/www/two");
  CHECK(webroot_of("mx.example.com") == "none");
  CHECK(config.challenge.method_for(dns::DnsName::parse("mx.example.com")).listen.size() == 1);
  CHECK(config.challenge.method_for(dns::DnsName::parse("mx.example.net")).listen.empty());
}

TEST_CASE_METHOD(Fixture, "a challenge that cannot be meant is refused where it stands") {
  CHECK(error_of("[challenge]\ntype = \"http-02\"\n").starts_with("mxcert.toml:2:8: "));
  CHECK(
      error_of("[challenge]\nlisten = [\"192.0.2.1:80\"]\nwebroot = \"/var/www\"\n").starts_with("mxcert.toml:3:11: "));
  CHECK(error_of("[challenge]\ntype = \"tls-alpn-01\"\nwebroot = \"/var/www\"\n").starts_with("mxcert.toml:3:11: "));
  CHECK(error_of("[challenge]\nwebroot = \"www\"\n").starts_with("mxcert.toml:2:11: "));
  CHECK(error_of("[[challenge.for]]\nwebroot = \"/var/www\"\n").starts_with("mxcert.toml:1:"));
  CHECK(error_of("[[challenge.for]]\nnames = [\"*\"]\n").starts_with("mxcert.toml:2:10: "));
  CHECK(error_of("[[challenge.for]]\nnames = [\"*.example.net\"]\nwebrot = \"/var/www\"\n")
            .starts_with("mxcert.toml:3:1: "));
}

TEST_CASE_METHOD(Fixture, "a listener's port is that of its challenge unless another one is said") {
  const Config config = load("[challenge]\ntype = \"tls-alpn-01\"\nlisten = [\"192.0.2.1\", \"[2001:db8::1]:444\"]\n");
  CHECK(config.challenge.method.type == solve::ChallengeMethod::Type::tls_alpn_01);
  CHECK(config.challenge.method.listen.at(0).port == 443);
  CHECK(config.challenge.method.listen.at(1).port == 444);
  options.challenge = "http-01";
  options.listen = {"192.0.2.2"};
  const Config changed = load("[challenge]\ntype = \"tls-alpn-01\"\nlisten = [\"192.0.2.1\"]\n");
  CHECK(changed.challenge.method.type == solve::ChallengeMethod::Type::http_01);
  REQUIRE(changed.challenge.method.listen.size() == 1);
  CHECK(changed.challenge.method.listen.at(0).port == 80);
}

TEST_CASE_METHOD(Fixture, "a CA known by name has its directory and the rate that it publishes; a URL has none") {
  CHECK(load("").ca.requests_per_second == 250);
  CHECK(load("[ca]\ndirectory = \"letsencrypt-staging\"").ca.requests_per_second == 20);
  CHECK(load("[ca]\ndirectory = \"zerossl\"").ca.directory_url == "https://acme.zerossl.com/v2/DV90");
  CHECK(load("[ca]\ndirectory = \"https://ca.example/dir\"").ca.requests_per_second == 0);
  CHECK(load("[ca]\ndirectory = \"https://ca.example/dir\"\nrequests_per_second = 7").ca.requests_per_second == 7);
  for (const std::string& name : known_cas())
    CHECK_THAT(load("[ca]\ndirectory = \"" + name + "\"").ca.directory_url,
               name == "internal" ? ContainsSubstring("internal") : ContainsSubstring("https://"));
}

TEST_CASE_METHOD(Fixture, "an external account has a key identifier and a key file, and belongs to its CA") {
  const std::string text =
      "[ca]\ndirectory = \"zerossl\"\neab = { kid = \"k\", hmac_key_file = \"/etc/eab\", algorithm = \"HS512\" }";
  const Config config = load(text);
  REQUIRE(config.ca.eab);
  CHECK(config.ca.eab->key_id == "k");
  CHECK(config.ca.eab->key_file == "/etc/eab");
  CHECK(config.ca.eab->sha_bits == 512);
  CHECK_THAT(error_of("[ca]\neab = { kid = \"k\" }"),
             ContainsSubstring("mxcert.toml:2:7: eab needs kid and hmac_key_file"));
  CHECK_THAT(error_of("[ca]\neab = { kid = \"k\", hmac_key_file = \"/e\", algorithm = \"RS256\" }"),
             ContainsSubstring("HS256, HS384, HS512"));
  CHECK_THAT(error_of("[ca]\neab = { kid = \"k\", hmac_keyfile = \"/e\" }"),
             ContainsSubstring("did you mean hmac_key_file?"));
  options.ca = "google";
  CHECK_FALSE(load(text).ca.eab);
  options.eab_kid = "other";
  CHECK_THAT(error_of(text), ContainsSubstring("--eab-key-file"));
  options.eab_key_file = "/etc/other";
  CHECK(load(text).ca.eab->key_id == "other");
}

TEST_CASE_METHOD(Fixture, "a wildcard may be an extra name where its challenge is one in the DNS") {
  const std::string extra = "[certificate]\nextra_names = [\"*.example.com\"]\n[challenge]\n";
  CHECK(load(extra + "type = \"dns-persist-01\"").extra_names.front().ascii() == "*.example.com");
  for (const char* type : {"http-01", "tls-alpn-01"}) {
    CHECK_THAT(error_of(extra + "type = \"" + type + "\""), ContainsSubstring(std::string("*.example.com by ") + type));
    CHECK(error_of(extra + "type = \"" + type + "\"\n[[challenge.for]]\nnames = [\"*.example.com\"]\n" +
                   "type = \"dns-persist-01\"") == "no error");
  }
  CHECK(error_of("[certificate]\nextra_names = [\"mx*.example.com\"]").starts_with("mxcert.toml:2:16: "));
  CHECK(error_of("[domains]\nlist = [\"*.example.com\"]").starts_with("mxcert.toml:2:9: "));
}

TEST_CASE_METHOD(Fixture, "dns-01 says who changes the DNS") {
  const Config config = load(R"(
[challenge]
type = "dns-01"
dns = { provider = "rfc2136", server = "2001:db8::53@5353", key_file = "/etc/mxcert/tsig.key", wait = 5 }
)");
  REQUIRE(config.challenge.method.dns);
  CHECK(config.challenge.method.dns->server == dns::IpAddress::parse("2001:db8::53"));
  CHECK(config.challenge.method.dns->port == 5353);
  CHECK(config.challenge.method.dns->wait == std::chrono::seconds{5});
  const auto with = [&](const std::string& dns) { return error_of("[challenge]\ntype = \"dns-01\"\n" + dns); };
  CHECK(with("dns = { provider = \"hook\", hook = \"" + hook + "\" }") == "no error");
  CHECK(with("").starts_with("mxcert.toml:1:"));
  CHECK(with("listen = [\"192.0.2.1\"]\n").starts_with("mxcert.toml:3:11: "));
  CHECK(with("dns = { provider = \"bind\" }").starts_with("mxcert.toml:3:20: "));
  CHECK(with("dns = { provider = \"rfc2136\", server = \"192.0.2.53\" }").find("needs key_file") != std::string::npos);
  CHECK(with("dns = { provider = \"rfc2136\", server = \"ns.example\", key_file = \"/k\" }")
            .starts_with("mxcert.toml:3:40: "));
  CHECK(with("dns = { provider = \"rfc2136\", server = \"192.0.2.53\", key_file = \"/k\", wait = 3601 }")
            .starts_with("mxcert.toml:3:78: "));
  CHECK(with("dns = { provider = \"hook\", hook = \"/nonexistent\" }").starts_with("mxcert.toml:3:35: "));
  CHECK(error_of("[challenge]\ndns = { provider = \"hook\", hook = \"/x\" }").starts_with("mxcert.toml:2:7: "));
  options.challenge = "dns-01";
  CHECK(error_of("").starts_with("--challenge: "));
}

TEST_CASE_METHOD(Fixture, "fallbacks are names, URLs or tables, each with what belongs to it") {
  const std::string text =
      "[ca]\ntrust = \"/etc/ca.pem\"\nprofile = \"shortlived\"\npreferred_chain = \"Root\"\n"
      "eab = { kid = \"first\", hmac_key_file = \"/etc/first\" }\n"
      "fallback = [\"letsencrypt-staging\", { directory = \"zerossl\", "
      "eab = { kid = \"k\", hmac_key_file = \"/etc/eab\" }, trust = \"/etc/z.pem\" }]";
  const Config config = load(text);
  REQUIRE(config.ca.fallback.size() == 2);
  CHECK(config.ca.fallback[0].requests_per_second == 20);
  CHECK(config.ca.fallback[0].trust == "/etc/ca.pem");
  CHECK_FALSE(config.ca.fallback[0].eab);
  CHECK(config.ca.fallback[0].profile.empty());
  CHECK(config.ca.fallback[0].preferred_chain.empty());
  CHECK(config.ca.fallback[1].directory_url == "https://acme.zerossl.com/v2/DV90");
  CHECK(config.ca.fallback[1].trust == "/etc/z.pem");
  CHECK(config.ca.fallback[1].eab->key_id == "k");
  CHECK_THAT(error_of("[ca]\nfallback = [\"zerosl\"]"), ContainsSubstring("did you mean zerossl?"));
  CHECK_THAT(error_of("[ca]\nfallback = [{ trust = \"/x\" }]"), ContainsSubstring("without directory"));
  options.ca = "zerossl";
  CHECK(load(text).ca.eab->key_id == "k");
  CHECK(load(text).ca.fallback.empty());
  CHECK(load(text).ca.profile.empty());
  CHECK(load(text).ca.preferred_chain.empty());
  options.ca = "google-staging";
  CHECK(load(text).ca.fallback.empty());
  CHECK(load(text).ca.profile.empty());
  CHECK(load(text).ca.preferred_chain.empty());
}

TEST_CASE_METHOD(Fixture, "dns-persist-01 needs nothing besides its name, and nothing else fits it") {
  const Config config = load(R"(
[[challenge.for]]
names = ["*.example.net"]
type = "dns-persist-01"
)");
  CHECK(config.challenge.method_for(std::string("mx.example.net")).type ==
        solve::ChallengeMethod::Type::dns_persist_01);
  CHECK(config.challenge.method_for(std::string("mx.example.com")).type == solve::ChallengeMethod::Type::http_01);
  CHECK(solve::port_of(solve::ChallengeMethod::Type::dns_persist_01) == 0);
  const auto with = [&](const std::string& line) {
    return error_of("[challenge]\ntype = \"dns-persist-01\"\n" + line);
  };
  CHECK(with("") == "no error");
  CHECK(with("listen = [\"192.0.2.1\"]\n").starts_with("mxcert.toml:3:11: "));
  CHECK(with("webroot = \"/var/www\"\n").starts_with("mxcert.toml:3:11: "));
  CHECK(with("dns = { provider = \"hook\", hook = \"" + hook + "\" }").starts_with("mxcert.toml:3:7: "));
  options.challenge = "dns-persist-01";
  CHECK(load("").challenge.method.type == solve::ChallengeMethod::Type::dns_persist_01);
  for (const auto& [key, value] : explain_config(load("")))
    CHECK(key != "challenge.listen");
}
