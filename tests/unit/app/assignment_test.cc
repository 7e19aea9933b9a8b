#include "app/assignment.h"

#include <chrono>

#include "app/context.h"
#include "catch.h"
#include "fake_clock.h"
#include "self_signed.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::app;
using test::TempDir;

namespace {

/// A state directory with certificates, and targets that take them.
class Host {
 public:
  Host& stores(const std::string& name, std::optional<bool> is_default = {}, bool unplanned = false) {
    Context context = make_context();
    const store::Lock lock = context.store.directory.lock(clock_, std::chrono::seconds(0));  // makes the directories
    const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
    const std::vector<std::string> names{name};
    const std::string leaf = test::make_self_signed(key, names, clock_.now(), std::chrono::hours(24));
    context.store.certificates.make_live(
        name, context.store.certificates.put(name, {.private_key = key.to_pem(), .leaf = leaf, .chain = {}}, {}));
    store::CertificateState state;
    state.is_default = is_default;
    state.unplanned = unplanned;
    context.store.certificates.save_state(name, state);
    return *this;
  }
  Host& has_target(const std::string& hook, const std::vector<std::string>& certificates = {}) {
    config.targets.push_back({.hook = hook, .certificates = certificates});
    return *this;
  }
  /// `exim default, exim#2 sni`.
  std::string where(const std::string& certificate) {
    std::string text;
    const Context context = make_context();
    for (const Assignment& at : Assignments(context).of(certificate))
      text += (text.empty() ? "" : ", ") + at.name + " " + std::string(to_string(at.role));
    return text;
  }
  Context make_context() {
    config.state_dir = dir_ / "state";
    return {config, {}, clock_, {}};
  }
  config::Config config;

 private:
  TempDir dir_;
  test::FakeClock clock_;
};

}  // namespace

TEST_CASE("a certificate belongs to each target, the only one as its default") {
  Host host;
  host.stores("mx.example").has_target("exim").has_target("postfix").has_target("exim");
  CHECK(host.where("mx.example") == "exim default, postfix default, exim#2 default");
  CHECK(host.where("other.example").empty());
}

TEST_CASE("of several the plan's default one is that of a target, whatever its name, and goes first") {
  Host host;
  host.stores("a.example", false).stores("b.example", true).stores("c.example", false).has_target("exim");
  CHECK(host.where("a.example") == "exim sni");
  CHECK(host.where("b.example") == "exim default");
  CHECK(Assignments(host.make_context()).certificates() ==
        std::vector<std::string>{"b.example", "a.example", "c.example"});
}

TEST_CASE("a target that does not take the plan's default one has the first of its own, by its patterns") {
  Host host;
  host.stores("mx.example", true).stores("mx1.a.example", false).stores("mx2.a.example", false);
  host.has_target("exim")
      .has_target("postfix", {"*.a.example"})
      .has_target("dovecot", {"mx2.a.example", "mx1.*.example"});
  CHECK(host.where("mx.example") == "exim default");
  CHECK(host.where("mx1.a.example") == "exim sni, postfix default, dovecot sni");
  CHECK(host.where("mx2.a.example") == "exim sni, postfix sni, dovecot default");
}

TEST_CASE("what the plan has no use for belongs nowhere, and is no default") {
  Host host;
  host.stores("a.example", false, true).stores("b.example").has_target("exim");
  CHECK(host.where("a.example").empty());
  CHECK(host.where("b.example") == "exim default");
}

TEST_CASE("listed files have room for the default one alone, unless each is named after its certificate") {
  Host host;
  host.stores("a.example", true).stores("b.example", false).has_target("files").has_target("files");
  host.config.targets[0].listed = deploy::ListedFiles{.files = {{.path = "/etc/{name}.pem"}, {.path = "/etc/all.pem"}}};
  host.config.targets[1].listed = deploy::ListedFiles{.files = {{.path = "/etc/{name}.pem"}}};
  CHECK(host.where("a.example") == "files default, files#2 default");
  CHECK(host.where("b.example") == "files#2 sni");
}

TEST_CASE("a target that takes nothing that there is is told") {
  Host host;
  host.stores("mx.example").has_target("exim").has_target("postfix", {"*.typo"});
  Context context = host.make_context();
  report_idle_targets(context);
  REQUIRE(context.report.warnings().size() == 1);
  CHECK(context.report.warnings()[0].code == "idle_target");
  CHECK(context.report.warnings()[0].message == "postfix takes none of the certificates that there are: mx.example");
}
