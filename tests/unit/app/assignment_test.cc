#include "app/assignment.h"

#include "catch.h"

using namespace mxcert;
using namespace mxcert::app;

namespace {

/// Stored certificates, and targets that take them.
struct Host {
  Host& stores(const std::string& name, std::optional<bool> is_default = {}, bool unplanned = false) {
    store::Certificate& certificate = inventory[name];
    certificate.name = name;
    certificate.live = store::LiveVersion(store::Version{.number = "0001", .bundle = {}, .leaf = {}, .record = {}});
    certificate.state.is_default = is_default;
    certificate.state.unplanned = unplanned;
    return *this;
  }
  Host& has_target(const std::string& hook, const std::vector<std::string>& certificates = {}) {
    targets.push_back({.hook = hook, .certificates = certificates});
    return *this;
  }
  /// `exim default, exim#2 sni`.
  std::string where(const std::string& certificate) {
    std::string text;
    for (const Assignment& at : Assignments(targets, inventory).of(certificate))
      text += (text.empty() ? "" : ", ") + at.name + " " + std::string(to_string(at.role));
    return text;
  }
  std::vector<deploy::Target> targets;
  store::Inventory inventory;
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
  CHECK(Assignments(host.targets, host.inventory).certificates() ==
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
  host.targets[0].listed = deploy::ListedFiles{.files = {{.path = "/etc/{name}.pem"}, {.path = "/etc/all.pem"}}};
  host.targets[1].listed = deploy::ListedFiles{.files = {{.path = "/etc/{name}.pem"}}};
  CHECK(host.where("a.example") == "files default, files#2 default");
  CHECK(host.where("b.example") == "files#2 sni");
}

TEST_CASE("a target that takes nothing that there is is told") {
  Host host;
  host.stores("mx.example").has_target("exim").has_target("postfix", {"*.typo"});
  report::Report report;
  report_idle_targets(host.targets, host.inventory, report);
  REQUIRE(report.warnings().size() == 1);
  CHECK(report.warnings()[0].code == "idle_target");
  CHECK(report.warnings()[0].message == "postfix takes none of the certificates that there are: mx.example");
}
