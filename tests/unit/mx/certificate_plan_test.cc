#include "mx/certificate_plan.h"

#include "catch.h"
#include "mx/plan_scene.h"

using namespace mxcert;
using namespace mxcert::mx;
using namespace std::chrono_literals;
using dns::DnsName;

namespace {

DnsName name(const std::string& text) {
  return DnsName::parse_host(text == "*" ? "*.w.example" : text + ".w.example").value();
}

NameSet names(std::string_view texts) {
  NameSet all;
  for (const std::string_view text : split(texts, ' '))
    if (!text.empty()) all.insert(name(std::string(text)));
  return all;
}

std::string show(const std::vector<DnsName>& names) {
  std::vector<std::string> texts;
  for (const DnsName& one : names)
    texts.push_back(one.ascii().substr(0, one.ascii().find('.')));
  return join(texts, " ");
}

/// A certificate called b.w.example, in the words of one letter a name: `*` is the wildcard over all.
struct Scene {
  const char* planned;
  const char* live = nullptr;  // null: there is none
  const char* postponed = "";
  const char* first_seen = "";
  const char* elsewhere = "";  // wanted on another certificate
  const char* missing = "";
  const char* dropped = "";
  std::chrono::hours due_in = 24h;
  const char* unwanted = "";
  Prune prune = Prune::no;
};

std::optional<PlannedCertificate> plan(const Scene& scene) {
  PlanInput input{.postponed = names(scene.postponed), .prune = scene.prune, .now = test::plan_time};
  CurrentPart part{
      .not_after = test::plan_time + 30 * 24h, .renew_at = test::plan_time + scene.due_in, .unwanted = scene.unwanted};
  for (const DnsName& one : names(scene.live == nullptr ? "" : scene.live))
    part.names.push_back(one.ascii());
  const CurrentCertificate current{.name = "b.w.example", .parts = {part}};
  const NameSet on_it = names(scene.planned);
  Wanted wanted{.covered = {{name("*"), {name("x"), name("y")}}}};
  for (const NameSet& some : {on_it, names(scene.elsewhere)})
    for (const DnsName& one : some)
      wanted.names.try_emplace(one);
  SettledNames settled;
  for (const DnsName& one : names(scene.missing))
    settled.names[one] = {.fate = SettledName::Fate::missing};
  for (const DnsName& one : names(scene.dropped))
    settled.names[one] = {.fate = SettledName::Fate::dropped};
  const NewNames fresh{.first_seen = names(scene.first_seen)};
  const NameSet live = parse_names(current.names());
  return plan_certificate(input, scene.live == nullptr ? nullptr : &current,
                          {.name = "b.w.example", .names = {on_it.begin(), on_it.end()}},
                          {.live = live, .owners = {}, .wanted = wanted, .settled = settled, .fresh = fresh});
}

}  // namespace

TEST_CASE("what is to be done about a certificate, and why") {
  struct Row {
    Scene scene;
    Action action;
    const char* why;
  };
  const std::vector<Row> table = {
      {{.planned = "a b"}, Action::issue, "there is no certificate yet"},
      {{.planned = "a b", .live = "a b c"}, Action::none, "it has every name, and it expires in 30 days"},
      {{.planned = "a b", .live = "*"}, Action::none, "it has every name, and it expires in 30 days"},
      {{.planned = "a b c", .live = "a"}, Action::replace, "it lacks b.w.example, c.w.example"},
      {{.planned = "a b", .live = "a", .due_in = -1h},
       Action::replace,
       "it lacks b.w.example and it expires in 30 days"},
      {{.planned = "a b", .live = "a", .unwanted = "it is old"}, Action::replace, "it lacks b.w.example"},
      {{.planned = "a", .live = "a", .due_in = -1h, .unwanted = "it is old"}, Action::replace, "it is old"},
      {{.planned = "a", .live = "a", .due_in = -1h}, Action::renew, "it expires in 30 days"},
      {{.planned = "a", .live = "a d", .dropped = "d"}, Action::none, "it has every name, and it expires in 30 days"},
      {{.planned = "a", .live = "a d", .dropped = "d", .prune = Prune::at_renewal},
       Action::none,
       "it has every name, and it expires in 30 days"},
      {{.planned = "a", .live = "a d", .dropped = "d", .prune = Prune::now},
       Action::replace,
       "it has d.w.example, which is not wanted any more"},
      {{.planned = "a", .live = "a d", .dropped = "e", .prune = Prune::now},
       Action::none,
       "it has every name, and it expires in 30 days"},
      {{.planned = "a b", .live = "a", .first_seen = "b"},
       Action::none,
       "it has every name but b.w.example, which the next run has to see too, and it expires in 30 days"},
  };
  for (const Row& row : table) {
    CAPTURE(row.scene.planned, row.why);
    const auto planned = plan(row.scene);
    REQUIRE(planned);
    CHECK(planned->action == row.action);
    CHECK(planned->why == row.why);
    CHECK(planned->is_due == (row.scene.live != nullptr && row.scene.due_in < 0h));
  }
}

TEST_CASE("which names of a certificate are ordered, and what is told of the others") {
  CHECK(show(plan({.planned = "a b c"})->names) == "b a c");
  CHECK(show(plan({.planned = "a b c", .postponed = "b"})->names) == "a c");
  CHECK(show(plan({.planned = "a b c", .postponed = "b"})->postponed) == "b");
  INFO("what failed is tried where nothing else is left, and kept where it is live");
  CHECK(show(plan({.planned = "a b", .postponed = "a b"})->names) == "b a");
  CHECK(show(plan({.planned = "a b", .live = "b", .postponed = "b"})->names) == "b a");

  INFO("what is new waits, but for a certificate that is ordered anyway");
  CHECK(show(plan({.planned = "a b", .live = "b", .first_seen = "a"})->names) == "b");
  CHECK(show(plan({.planned = "a b", .live = "b", .first_seen = "a"})->unconfirmed) == "a");
  CHECK(show(plan({.planned = "a b", .live = "b", .first_seen = "a", .due_in = -1h})->names) == "b a");
  CHECK(show(plan({.planned = "a b", .live = "b", .first_seen = "a", .unwanted = "it is old"})->names) == "b a");
  CHECK_FALSE(plan({.planned = "a b", .first_seen = "a b"}));

  CHECK(show(plan({.planned = "a b", .live = "b c d", .elsewhere = "c"})->moved) == "c");
  CHECK(show(plan({.planned = "a b", .live = "a b", .missing = "a"})->absent) == "a");
  CHECK(show(plan({.planned = "* a"})->covered) == "x y");
}

TEST_CASE("of a certificate with two keys the plan says what is needed for each, and what it amounts to") {
  const SystemTime now = test::plan_time;
  const auto part = [&](pki::KeyFamily family, std::chrono::hours left) {
    return CurrentPart{.family = family,
                       .names = {"a.w.example"},
                       .not_before = now - 30 * 24h,
                       .not_after = now + left,
                       .renew_at = now + left - 48h};
  };
  PlanInput input{.key_types = {pki::KeyType::ecdsa_p256, pki::KeyType::rsa_2048}, .now = now};
  CurrentCertificate current{.name = "a.w.example",
                             .parts = {part(pki::KeyFamily::ecdsa, 120h), part(pki::KeyFamily::rsa, 72h)}};
  const Wanted wanted{.names = {{name("a"), {}}}};
  const NameSet live = {name("a")};
  const auto planned = [&] {
    return plan_certificate(input, &current, {.name = "a.w.example", .names = {name("a")}},
                            {.live = live, .owners = {}, .wanted = wanted, .settled = {}, .fresh = {}})
        .value();
  };
  CHECK(planned().needs.empty());
  CHECK(planned().not_after == now + 72h);
  CHECK(planned().why == "it has every name, and it expires in 3 days");

  current.parts.back() = part(pki::KeyFamily::rsa, 24h);
  REQUIRE(planned().needs.size() == 2);
  CHECK(planned().needs[0].reason == Need::Reason::along);
  CHECK(planned().needs[1].reason == Need::Reason::due);
  CHECK(planned().action == Action::renew);
  CHECK(planned().is_due);
  CHECK(planned().why == "it expires in 24 hours");

  current.parts.pop_back();
  REQUIRE(planned().needs.size() == 1);
  CHECK(planned().needs.front().family == pki::KeyFamily::rsa);
  CHECK(planned().action == Action::replace);
  CHECK(planned().why == "it lacks an rsa-2048 certificate");

  current.parts = {{.names = {"a.w.example"}, .renew_at = SystemTime::max(), .unwanted = "its files are damaged"}};
  CHECK(planned().why == "its files are damaged");
  CHECK_FALSE(planned().not_after);
}
