#include "mx/plan_warnings.h"

#include "catch.h"
#include "mx/plan_scene.h"

using namespace mxcert;
using namespace mxcert::mx;
using namespace std::chrono_literals;
using dns::DnsName;
using test::make_current;

namespace {

const DnsName a = DnsName::parse("a.example");
const DnsName b = DnsName::parse("b.example");

/// What a plan is warned of by.
struct Scene {
  PlanInput input = {};
  Plan plan = {};
  NameSet live = {};
  Owners owners = {};
  Wanted wanted = {};
  SettledNames settled = {};
  NewNames fresh = {};

  /// `code subject: message`
  std::vector<std::string> warnings() const {
    std::vector<std::string> texts;
    for (const Warning& warning : find_warnings(
             input, plan, {.live = live, .owners = owners, .wanted = wanted, .settled = settled, .fresh = fresh}))
      texts.push_back(warning.code + " " + warning.subject + ": " + warning.message);
    return texts;
  }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a name that goes is named once for each certificate that has it, with what becomes of it there") {
  Scene scene;
  scene.input.current = {make_current({"a.example", "b.example", "b.example"}),
                         make_current({"x.example", "b.example"}),
                         make_current({"y.example", "b.example"}, 24h),
                         {.name = "z.example", .parts = {{.names = {"b.example"}}}},
                         {.name = "old.example", .parts = {{.names = {"b.example"}}}, .unplanned = true}};
  scene.plan.certificates = {{.name = "x.example", .action = Action::renew}, {.name = "a.example"}};
  scene.settled.names[b] = {.fate = SettledName::Fate::dropped, .reason = "nobody wants it"};
  const std::string sni =
      "sni_needed x.example: x.example is the default certificate, with 0 of 0 names: senders that "
      "send no SNI, among them Postfix outside DANE, see no other";
  const auto unplanned = [](const std::string& one) {
    return "certificate_unplanned " + one + ": certificate " + one +
           " is not renewed any more: no name is planned for it";
  };
  CHECK(scene.warnings() ==
        Texts{sni, unplanned("y.example"), unplanned("z.example"), unplanned("old.example"),
              "name_dropped b.example: b.example goes from certificate a.example at its next renewal: nobody wants it",
              "name_dropped b.example: b.example is not in the new certificate x.example: nobody wants it",
              "name_dropped b.example: b.example stays on certificate y.example until 2026-11-24T00:00:00Z and is not "
              "renewed: nobody wants it",
              "name_dropped b.example: b.example stays on certificate z.example until its end and is not renewed: "
              "nobody wants it"});
}

TEST_CASE("names that stay though nobody asks for them are told, one after the other, with the reason") {
  Scene scene;
  scene.settled.names[a] = {.fate = SettledName::Fate::missing, .reason = "it has gone", .until = test::plan_time};
  scene.settled.names[b] = {.fate = SettledName::Fate::kept, .reason = "nobody knows"};
  CHECK(scene.warnings() == Texts{"name_missing a.example: a.example stays in its certificate until "
                                  "2026-11-23T00:00:00Z, unless it comes back: it has gone",
                                  "name_kept b.example: b.example stays in the certificate: nobody knows"});
}

TEST_CASE("a new name is told of while it is not ordered") {
  Scene scene;
  scene.fresh.first_seen = {a, b};
  scene.plan.certificates = {{.name = "x.example", .names = {b}}};
  CHECK(scene.warnings() == Texts{"name_new a.example: a.example is new, and ordered when the next run sees it too; "
                                  "mxcert issue orders it now"});
}

TEST_CASE("what several lookups warn of is said once, and then what is not known of each") {
  Scene scene;
  const Warning odd{"mx_is_cname", "mx.example", "mx.example is odd"};
  scene.input.lookups = {{.domain = {a}, .status = MxStatus::ok, .warnings = {odd}},
                         {.domain = {b}, .status = MxStatus::temporary, .reason = "is silent", .warnings = {odd}}};
  scene.input.lookups.front().services = {{.service = "_imaps._tcp", .reason = "is silent"}};
  CHECK(scene.warnings() ==
        Texts{"service_unknown a.example: a.example has a service _imaps._tcp that is silent: nothing is added or "
              "dropped for it",
              "mx_is_cname mx.example: mx.example is odd",
              "domain_unknown b.example: b.example is silent: nothing is added or dropped for it"});
}

TEST_CASE("private addresses are a reason only where hosts are somebody else's and none is ours") {
  Scene scene;
  scene.input.rules.local_addresses = {dns::IpAddress::parse("10.0.0.5")};
  CHECK(scene.warnings().empty());
  scene.owners[a] = {.owner = Owner::foreign};
  REQUIRE(scene.warnings().size() == 1);
  CHECK(scene.warnings().front().starts_with("only_private_addresses hosts.addresses: "));
  scene.owners[b] = {.owner = Owner::ours};
  CHECK(scene.warnings().empty());
}
