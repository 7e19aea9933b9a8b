#include "mx/names_over_time.h"

#include <fmt/format.h>

#include <array>

#include "catch.h"
#include "mx/plan_scene.h"

using namespace mxcert;
using namespace mxcert::mx;
using namespace std::chrono_literals;
using dns::DnsName;
using test::certificates_of;
using test::FakeDns;
using test::make_plan_input;
using test::make_plan_zones;
using test::warnings_of;
using test::with_live;

namespace {

constexpr SystemTime now = test::plan_time;

/// Plans of several days in a row, each of which knows what the one before left.
struct Days {
  PlanInput rules = {.keep_for = 7 * 24h};
  std::vector<std::string> live = {"mx.example.com", "mx2.example.com"};
  NameHistories history = {};
  std::optional<Plan> plan = {};

  /// What the plan says after so many hours, `dropped` or `kept` for mx2.example.com.
  std::string after(std::chrono::hours hours, const FakeDns& table) {
    PlanInput day = with_live(make_plan_input(table, {"example.com", "second.example"}), live);
    day.keep_for = rules.keep_for;
    day.prune = rules.prune;
    day.rules.exclude = rules.rules.exclude;
    day.history = history;
    day.now = now + hours;
    plan = plan_certificates(day);
    history = plan->history;
    const std::vector<std::string> names = plan->certificates.front().ascii_names();
    return std::ranges::find(names, "mx2.example.com") != names.end() ? "kept" : "dropped";
  }
};

FakeDns without_second() {
  FakeDns table = make_plan_zones();
  table.mx.erase("second.example");
  return table;
}
FakeDns silent_second() {
  FakeDns table = make_plan_zones();
  table.servfail = {"MX second.example"};
  return table;
}

const DnsName mx2 = DnsName::parse("mx2.example.com");

}  // namespace

TEST_CASE("a name stays until it has been missing for a week, and the plan says until when") {
  Days days;
  CHECK(days.after(0h, without_second()) == "kept");
  CHECK(warnings_of(*days.plan) == "name_missing mx2.example.com");
  CHECK(days.plan->warnings.front().message ==
        "mx2.example.com stays in its certificate until 2026-11-30T00:00:00Z, unless it comes back: no mail domain has "
        "it as its MX host any more");
  CHECK(days.plan->certificates.front().action == Action::none);
  CHECK(days.plan->certificates.front().absent == std::vector{mx2});
  CHECK(days.after(7 * 24h - 1h, without_second()) == "kept");
  CHECK(days.history.at(mx2).absent_count == 2);
  CHECK(days.after(7 * 24h, without_second()) == "dropped");
  CHECK(warnings_of(*days.plan) == "name_dropped mx2.example.com");
  CHECK(days.plan->certificates.front().action == Action::none);
}

TEST_CASE("a name that comes back in between is missing anew") {
  Days days;
  days.after(0h, without_second());
  CHECK(days.after(24h, make_plan_zones()) == "kept");
  CHECK(days.history.empty());
  CHECK(days.after(8 * 24h, without_second()) == "kept");
}

TEST_CASE("answers that say nothing neither begin the time nor end it") {
  Days days;
  CHECK(days.after(0h, silent_second()) == "kept");
  CHECK(days.history.empty());
  days.after(24h, without_second());
  const NameHistories before = days.history;
  CHECK(days.after(48h, silent_second()) == "kept");
  CHECK(days.history == before);
  FakeDns silent_host = make_plan_zones();
  silent_host.servfail = {"AAAA mx2.example.com"};
  CHECK(days.after(49h, silent_host) == "kept");
  CHECK(days.history == before);
  CHECK(days.after(9 * 24h, silent_second()) == "kept");
  CHECK(days.after(9 * 24h, without_second()) == "dropped");
}

TEST_CASE("the first answer that a name is missing never drops it, however long nobody has looked") {
  Days days;
  CHECK(days.after(1000h, without_second()) == "kept");
  INFO("not even when the clock was ahead");
  days.after(2000h, without_second());
  CHECK(days.after(0h, without_second()) == "kept");
  CHECK(days.history.at(mx2).absent_since == now);
}

TEST_CASE("the administrator may say that names go at once") {
  Days days;
  days.rules.keep_for = {};
  CHECK(days.after(0h, without_second()) == "dropped");

  Days excluded;
  excluded.rules.rules.exclude = {HostPattern::parse("mx2.*.com")};
  CHECK(excluded.after(0h, make_plan_zones()) == "dropped");

  Days pruned;
  pruned.rules.prune = Prune::at_renewal;
  CHECK(pruned.after(0h, without_second()) == "dropped");
  CHECK(pruned.plan->certificates.front().action == Action::none);
  pruned.rules.prune = Prune::no;
  CHECK(pruned.after(1h, without_second()) == "dropped");
  CHECK(pruned.after(2h, silent_second()) == "kept");

  pruned.rules.prune = Prune::now;
  CHECK(pruned.after(3h, without_second()) == "dropped");
  CHECK(pruned.plan->certificates.front().action == Action::replace);
  CHECK(pruned.plan->certificates.front().why == "it has mx2.example.com, which is not wanted any more");
  CHECK(pruned.after(4h, silent_second()) == "kept");
}

TEST_CASE("what is not live any more is forgotten") {
  Days days;
  days.after(0h, without_second());
  days.live = {"mx.example.com"};
  const NameHistories before = days.history;
  days.after(1h, without_second());
  CHECK(days.history.empty());
  days.history = before;
  days.after(1h, make_plan_zones());
  CHECK(days.history.empty());
}

TEST_CASE("a new name waits for the next plan that wants it, where it is said to") {
  PlanInput first =
      with_live(make_plan_input(make_plan_zones(), {"example.com", "second.example"}), {"mx.example.com"});
  CHECK(certificates_of(plan_certificates(first)) == "replace mx.example.com: mx.example.com mx2.example.com");
  first.wait_for_second_sight = true;
  const Plan plan = plan_certificates(first);
  CHECK(certificates_of(plan) == "none mx.example.com: mx.example.com");
  CHECK(plan.certificates.front().why ==
        "it has every name but mx2.example.com, which the next run has to see too, and it expires in 60 days");
  CHECK(plan.certificates.front().wanted_names() == std::vector<std::string>{"mx.example.com", "mx2.example.com"});
  CHECK(warnings_of(plan) == "name_new mx2.example.com");
  CHECK(plan.history.at(mx2).seen_since == now);

  PlanInput second = first;
  second.history = plan.history;
  CHECK(certificates_of(plan_certificates(second)) == "replace mx.example.com: mx.example.com mx2.example.com");
  PlanInput tried_before = first;
  tried_before.current.front().desired = {"mx.example.com", "mx2.example.com"};
  CHECK(certificates_of(plan_certificates(tried_before)) == "replace mx.example.com: mx.example.com mx2.example.com");
}

TEST_CASE("a new name does not wait where there is no certificate at all, or one is ordered anyway") {
  PlanInput none = make_plan_input(make_plan_zones(), {"example.com", "second.example"});
  none.wait_for_second_sight = true;
  CHECK(certificates_of(plan_certificates(none)) == "issue mx.example.com: mx.example.com mx2.example.com");
  PlanInput due =
      with_live(make_plan_input(make_plan_zones(), {"example.com", "second.example"}), {"mx.example.com"}, 24h);
  due.wait_for_second_sight = true;
  const Plan plan = plan_certificates(due);
  CHECK(certificates_of(plan) == "replace mx.example.com: mx.example.com mx2.example.com");
  CHECK(plan.certificates.front().is_due);
  CHECK(warnings_of(plan) == "");
}

TEST_CASE("a new name that needs a certificate of its own waits as well") {
  PlanInput full = with_live(make_plan_input(make_plan_zones(), {"example.com", "second.example"}), {"mx.example.com"});
  full.max_names = 1;
  full.wait_for_second_sight = true;
  const Plan plan = plan_certificates(full);
  CHECK(certificates_of(plan) == "none mx.example.com: mx.example.com");
  CHECK(warnings_of(plan) == "name_new mx2.example.com");
  full.history = plan.history;
  CHECK(certificates_of(plan_certificates(full)) ==
        "none mx.example.com: mx.example.com; issue mx2.example.com: mx2.example.com");
}

TEST_CASE("a new name that cannot be looked up is not forgotten; one that goes again is") {
  PlanInput first =
      with_live(make_plan_input(make_plan_zones(), {"example.com", "second.example"}), {"mx.example.com"});
  first.wait_for_second_sight = true;
  const NameHistories seen = plan_certificates(first).history;
  PlanInput silent = with_live(make_plan_input(silent_second(), {"example.com", "second.example"}), {"mx.example.com"});
  silent.history = seen;
  CHECK(plan_certificates(silent).history == seen);
  PlanInput gone = with_live(make_plan_input(without_second(), {"example.com", "second.example"}), {"mx.example.com"});
  gone.history = seen;
  CHECK(plan_certificates(gone).history.empty());
}

// ---- the steps by themselves
// ------------------------------------------------------------------------------------------

namespace {

using Fate = SettledName::Fate;

DnsName name(std::string_view text) {
  return DnsName::parse_host(text).value();
}

/// `missing mx.example.com: why`
std::string show(const SettledNames& settled) {
  constexpr std::array fates{"kept", "missing", "dropped"};
  std::vector<std::string> texts;
  for (const auto& [one, settlement] : settled.names)
    texts.push_back(
        fmt::format("{} {}: {}", fates.at(static_cast<std::size_t>(settlement.fate)), one.ascii(), settlement.reason));
  return join(texts, ", ");
}

SettledNames settle(const PlanInput& input, const NameSet& live, const WantedNames& wanted = {}) {
  return settle_live_names(input, live, decide_owners(input.lookups, input.rules), wanted);
}

NewNames find_new(const PlanInput& input, const NameSet& live, const WantedNames& wanted) {
  return find_new_names(input, live, decide_owners(input.lookups, input.rules), wanted);
}

}  // namespace

TEST_CASE("what becomes of a live name that nothing asks for") {
  struct Row {
    const char* title;
    const char* live;
    std::vector<std::string> domains;
    std::vector<std::string> silent;
    std::vector<DnsName> extra;
    const char* settled;
    std::size_t remembered;  // histories
  };
  const std::vector<Row> table = {
      {"no record has it",
       "mx9.example.com",
       {"example.com"},
       {},
       {},
       "missing mx9.example.com: no mail domain has it as its MX host any more",
       1},
      {"it leads elsewhere",
       "mx.foreign.example",
       {"foreign.example"},
       {},
       {},
       "missing mx.foreign.example: 198.51.100.1 is not this host's",
       1},
      {"a domain could not be looked up",
       "mx9.example.com",
       {"example.com", "second.example"},
       {"MX second.example"},
       {},
       "kept mx9.example.com: second.example may lead to it, but could not be looked up",
       0},
      {"a host that may be an alias of it",
       "mx9.example.com",
       {"example.com"},
       {"A mx.example.com"},
       {},
       "kept mx9.example.com: mx.example.com may lead to it, but could not be looked up",
       0},
      {"it leads elsewhere for certain",
       "mx.foreign.example",
       {"foreign.example", "second.example"},
       {"MX second.example"},
       {},
       "missing mx.foreign.example: 198.51.100.1 is not this host's",
       1},
      {"a wildcard need not be looked up",
       "*.example.com",
       {"second.example"},
       {"MX second.example"},
       {},
       "dropped *.example.com: extra_names does not have it any more",
       0},
      {"a wildcard stands for it now", "mx9.example.com", {"example.com"}, {}, {name("*.example.com")}, "", 0},
  };
  for (const Row& row : table) {
    CAPTURE(row.title);
    FakeDns zones = make_plan_zones();
    zones.servfail = {row.silent.begin(), row.silent.end()};
    PlanInput input = make_plan_input(zones, row.domains);
    input.extra_names = row.extra;
    input.keep_for = 24h;
    const SettledNames settled = settle(input, {name(row.live)});
    CHECK(show(settled) == row.settled);
    CHECK(settled.history.size() == row.remembered);
  }
}

TEST_CASE("a missing name stays for so long, unless the administrator says otherwise") {
  PlanInput input = make_plan_input(make_plan_zones(), {"example.com"});
  input.keep_for = 24h;
  const SettledName missing = settle(input, {mx2}).names.at(mx2);
  CHECK(missing.until == now + 24h);
  CHECK(settle(input, {mx2}).has(mx2, Fate::missing));
  input.history[mx2] = {.absent_since = now - 24h, .absent_count = 1};
  CHECK(settle(input, {mx2}).has(mx2, Fate::dropped));
  CHECK(settle(input, {mx2}).history.at(mx2).absent_count == 2);
  input.history.clear();
  input.rules.exclude = {HostPattern::parse("mx2.*.com")};
  CHECK(settle(input, {mx2}).has(mx2, Fate::dropped));
  CHECK_FALSE(settle(input, {mx2}).has(name("mx.example.com"), Fate::dropped));
}

TEST_CASE("what is wanted is not settled, and missing before is forgotten unless nothing is known now") {
  const WantedNames wanted = {{mx2, {}}};
  PlanInput input = make_plan_input(make_plan_zones(), {"second.example"});
  input.history[mx2] = {.absent_since = now - 24h, .absent_count = 1};
  CHECK(show(settle(input, {mx2}, wanted)).empty());
  CHECK(settle(input, {mx2}, wanted).history.empty());
  FakeDns silent_host = make_plan_zones();
  silent_host.servfail = {"AAAA mx2.example.com"};
  input.lookups = make_plan_input(silent_host, {"second.example"}).lookups;
  CHECK(settle(input, {mx2}, wanted).history == input.history);
}

TEST_CASE("a name is new when it is on no certificate and no plan has wanted it") {
  const WantedNames wanted = {{mx2, {}}};
  PlanInput input = with_live(make_plan_input(make_plan_zones(), {"second.example"}), {"mx.example.com"});
  input.wait_for_second_sight = true;
  CHECK(find_new(input, {}, wanted).first_seen == NameSet{mx2});
  CHECK(find_new(input, {}, wanted).history.at(mx2).seen_since == now);
  CHECK(find_new(input, {mx2}, wanted).first_seen.empty());
  CHECK(find_new(input, {name("*.example.com")}, wanted).first_seen.empty());

  PlanInput seen = input;
  seen.history[mx2] = {.seen_since = now - 24h};
  CHECK(find_new(seen, {}, wanted).first_seen.empty());
  CHECK(find_new(seen, {}, wanted).history == seen.history);
  CHECK(find_new(seen, {mx2}, wanted).history.empty());
  seen.history[mx2] = {.absent_since = now - 24h};
  CHECK(find_new(seen, {}, wanted).first_seen == NameSet{mx2});

  PlanInput tried = input;
  tried.tried = {{.name = "mx9.example.com", .desired = {"mx2.example.com"}}};
  CHECK(find_new(tried, {}, wanted).first_seen.empty());
  PlanInput first = input;
  first.current.clear();
  CHECK(find_new(first, {}, wanted).first_seen.empty());
}

TEST_CASE("what was seen once is remembered while nobody can say whether it is wanted") {
  const NameHistories seen = {{mx2, {.seen_since = now - 24h}}};
  const auto after = [&](const FakeDns& table, const std::vector<std::string>& domains) {
    PlanInput input = make_plan_input(table, domains);
    input.history = seen;
    return find_new(input, {}, {}).history;
  };
  FakeDns silent_host = make_plan_zones();
  silent_host.servfail = {"AAAA mx2.example.com"};
  CHECK(after(silent_second(), {"second.example"}) == seen);
  CHECK(after(silent_host, {"second.example"}) == seen);
  CHECK(after(make_plan_zones(), {"example.com"}).empty());
  INFO("what leads elsewhere for certain is not kept for what another domain may say");
  FakeDns elsewhere = make_plan_zones();
  elsewhere.addresses["mx2.example.com"] = {"198.51.100.1"};
  elsewhere.servfail = {"MX example.net"};
  CHECK(after(elsewhere, {"second.example", "example.net"}).empty());
}
