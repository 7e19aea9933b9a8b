#pragma once
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "catch.h"
#include "deploy/deploy.h"
#include "deploy/install.h"
#include "deploy/journal.h"
#include "deploy/make_credentials.h"
#include "deploy/make_hook.h"
#include "deploy/tls_server.h"
#include "temp_dir.h"

namespace mxcert::deploy {

/// What its certificate is for.
inline const std::vector<std::string> daemon_names{"mx.example.com", "mx2.example.com"};

/// A mail server that reads its key and certificate when it is told to reload, as Exim does, and its hook.
class FakeDaemon {
 public:
  FakeDaemon()
      : old_bundle_(test::make_bundle({"old.example.com"})),
        server_([this](test::ServedConnection& connection) { serve(connection); }) {
    target.hook = (dir_ / "hook").string();
    deliver(test::make_bundle(daemon_names));
    put("key.pem", old_bundle_.private_key);
    put("crt.pem", old_bundle_.leaf);
    reload_now();
    describe_as("");
    served();  // so that it has read the old ones
  }

  /// `fields` are added to the hook's description; `cases` to its `case $1 in`.
  void describe_as(const std::string& fields, const std::string& cases = "") {
    test::make_hook(dir_ / "hook", fmt::format(R"(
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
                                               fmt::arg("cases", cases), fmt::arg("fields", fields),
                                               fmt::arg("dir", dir_.path().string()), fmt::arg("port", server_.port()),
                                               fmt::arg("more", more_files)));
  }
  /// No hook: the configuration lists the files, and `script` reloads.
  void list_files(std::string script) {
    for (auto at = script.find("{dir}"); at != std::string::npos; at = script.find("{dir}"))
      script.replace(at, 5, dir_.path().string());
    const std::filesystem::path reload = test::make_hook(dir_ / "reload", script);
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
    target.hook = test::make_hook(dir_ / "further",
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
            .names = daemon_names,
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
            .restore_timeout = std::chrono::milliseconds{700},
            .restart_timeout = std::chrono::milliseconds{700},
            .outage_timeout = std::chrono::milliseconds{400},
            .probe_timeout = std::chrono::seconds{5},
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
    CHECK_FALSE(std::filesystem::exists(temporary_path(dir_ / "key.pem")));
    CHECK_FALSE(std::filesystem::exists(temporary_path(dir_ / "crt.pem")));
  }
  bool files_agree() const {
    const auto key = pki::PrivateKey::from_pem(read("key.pem"));
    return key.public_key_der() == pki::parse_certificates(read("crt.pem")).front().public_key_der;
  }
  std::filesystem::path path(const std::string& name) const { return dir_ / name; }
  const pki::CertificateBundle& bundle() const { return bundle_; }
  std::uint16_t port() const { return server_.port(); }

  std::vector<pki::CertificateBundle> further_bundles;
  Role role = Role::default_certificate;
  bool is_placeholder = false;
  std::function<std::string(std::span<const pki::Certificate>)> find_trust_problem;
  bool may_lose_trust = false;
  std::string more_files;
  Target target{.hook = {}, .timeout = std::chrono::seconds{10}, .verify_timeout = std::chrono::milliseconds{700}};
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

  void serve(test::ServedConnection& connection) {
    if (!accepting) return;
    if (const std::string reloads = read("reloads"); reloads != last_reloads_ && !deaf) {
      last_reloads_ = reloads;
      loaded_ = load();
    }
    serve_smtp(connection, loaded_);
  }

  test::TempDir dir_;
  pki::CertificateBundle old_bundle_;
  pki::CertificateBundle bundle_;
  std::string last_reloads_;
  std::map<std::string, test::Credentials> loaded_;
  RealClock clock_;
  test::TlsServer server_;  // last: it is ended first
};

}  // namespace mxcert::deploy
