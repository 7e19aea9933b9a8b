#include "mx/packing.h"

#include <algorithm>
#include <random>

#include "base/text.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::mx;
using dns::DnsName;

namespace {

DnsName name(const std::string& text) {
  return DnsName::parse(text + ".example");
}

std::set<DnsName> names(const std::string& texts) {
  std::set<DnsName> all;
  for (const std::string_view text : split(texts, ' '))
    if (!text.empty()) all.insert(name(std::string(text)));
  return all;
}

/// `a 3`: used by three domains
WantedNames wanted(std::initializer_list<std::pair<const char*, std::size_t>> list) {
  WantedNames all;
  for (const auto& [text, domains] : list)
    all[name(text)] = {.domains = domains, .preference = 10};
  return all;
}

StoredCertificate stored(const std::string& called, const std::string& holds, std::optional<bool> is_default = {}) {
  return {.name = called + ".example", .names = names(holds), .assigned = names(holds), .is_default = is_default};
}

std::string without_example(std::string text) {
  for (auto at = text.find(".example"); at != std::string::npos; at = text.find(".example"))
    text.erase(at, 8);
  return text;
}

/// `*a: a b; c: c`, the default one with a star
std::string show(const std::vector<PackedCertificate>& packed) {
  std::vector<std::string> texts;
  for (const PackedCertificate& one : packed) {
    std::vector<std::string> held;
    for (const DnsName& each : one.names)
      held.push_back(each.ascii());
    texts.push_back((one.is_default ? "*" : "") + one.name + ": " + join(held, " "));
  }
  return without_example(join(texts, "; "));
}

}  // namespace

TEST_CASE("what fits on one certificate is on one, called by what most domains use") {
  CHECK(show(pack_names(wanted({{"a", 1}, {"b", 3}, {"c", 2}}), {})) == "*b: a b c");
  CHECK(show(pack_names({}, {})) == "");
}

TEST_CASE("beyond the limit the names that most domains use are on the default certificate") {
  const auto many = wanted({{"a", 1}, {"b", 9}, {"c", 2}, {"d", 8}, {"e", 3}, {"f", 7}, {"g", 1}});
  CHECK(show(pack_names(many, {.max_names = 3})) == "*b: b d f; e: a c e; g: g");
}

TEST_CASE("then the lower preference decides, then the alphabet") {
  auto same = wanted({{"a", 1}, {"b", 1}, {"c", 1}});
  same[name("c")].preference = 5;
  CHECK(show(pack_names(same, {.max_names = 1})) == "*c: c; a: a; b: b");
}

TEST_CASE("a name stays on the certificate that has it, however much it is wanted") {
  CHECK(show(pack_names(wanted({{"a", 1}, {"b", 1}, {"c", 9}}),
                        {.max_names = 2, .stored = {stored("a", "a b", true), stored("c", "c", false)}})) ==
        "*a: a b; c: c");
}

TEST_CASE(
    "a new name goes onto the default certificate if there is room, else onto a further one, else onto a new one") {
  const auto more = [](const std::string& first, const std::string& second) {
    auto all = wanted({{"new", 1}});
    for (const auto& each : names(first + " " + second))
      all[each] = {.domains = 1};
    return show(pack_names(all, {.max_names = 3, .stored = {stored("a", first, true), stored("d", second, false)}}));
  };
  CHECK(more("a b", "d e f") == "*a: a b new; d: d e f");
  CHECK(more("a b c", "d e") == "*a: a b c; d: d e new");
  CHECK(more("a b c", "d e f") == "*a: a b c; d: d e f; new: new");
}

TEST_CASE("new names of one domain go together") {
  auto all = wanted({{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"x", 1}, {"y", 1}});
  PackingInput input{.max_names = 3,
                     .groups = {{name("x"), name("y")}},
                     .stored = {stored("a", "a b", true), stored("c", "c d", false)}};
  CHECK(show(pack_names(all, input)) == "*a: a b; c: c d; x: x y");
  input.stored = {stored("a", "a b d", true), stored("c", "c", false)};
  CHECK(show(pack_names(all, input)) == "*a: a b d; c: c x y");
}

TEST_CASE("more new names of one domain than fit on a certificate are spread") {
  PackingInput input{
      .max_names = 2, .groups = {{name("v"), name("w"), name("x")}}, .stored = {stored("a", "a b", true)}};
  CHECK(show(pack_names(wanted({{"a", 1}, {"b", 1}, {"v", 1}, {"w", 1}, {"x", 1}}), input)) == "*a: a b; v: v w; x: x");
}

TEST_CASE(
    "when the limit shrinks a certificate keeps its own name and what most domains use, the rest moves together") {
  const auto all = wanted({{"a", 1}, {"b", 2}, {"c", 9}, {"d", 3}, {"e", 4}});
  PackingInput input{.max_names = 3, .stored = {stored("a", "a b c d e", true)}};
  CHECK(show(pack_names(all, input)) == "*a: a c e; d: b d");

  INFO("and while the first still shows what has moved, it does not come back");
  input.stored.front().assigned = names("a c e");
  input.stored.push_back(stored("d", "b d", false));
  CHECK(show(pack_names(all, input)) == "*a: a c e; d: b d");
  const auto changed = wanted({{"a", 1}, {"b", 9}, {"c", 1}, {"d", 9}, {"e", 1}});
  CHECK(show(pack_names(changed, input)) == "*a: a c e; d: b d");

  INFO("not even when what was assigned is forgotten");
  input.stored.front().assigned.clear();
  CHECK(show(pack_names(all, input)) == "*a: a c e; d: b d");
}

TEST_CASE("a name that was assigned and could not be had yet stays where it was assigned") {
  PackingInput input{.max_names = 3, .stored = {stored("a", "a b", true), stored("c", "c", false)}};
  input.stored[1].assigned.insert(name("x"));
  CHECK(show(pack_names(wanted({{"a", 1}, {"b", 1}, {"c", 1}, {"x", 1}}), input)) == "*a: a b; c: c x");
}

TEST_CASE("a further certificate that has become small goes into the default one, with a quarter left free") {
  const auto pack_with = [](std::size_t limit) {
    return show(pack_names(wanted({{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 1}}),
                           {.max_names = limit, .stored = {stored("a", "a b c", true), stored("d", "d e f", false)}}));
  };
  CHECK(pack_with(7) == "*a: a b c; d: d e f");
  CHECK(pack_with(8) == "*a: a b c d e f");
}

TEST_CASE("the default certificate is the one that it was, else the one that most domains use") {
  const auto all = wanted({{"a", 1}, {"b", 2}});
  const auto pack_with = [&](std::optional<bool> a, std::optional<bool> b) {
    return show(pack_names(all, {.max_names = 1, .stored = {stored("a", "a", a), stored("b", "b", b)}}));
  };
  CHECK(pack_with(true, false) == "*a: a; b: b");
  CHECK(pack_with({}, {}) == "*b: b; a: a");
  CHECK(pack_with(true, {}) == "*a: a; b: b");
  CHECK(pack_with(true, true) == "*b: b; a: a");
  CHECK(pack_with(false, false) == "*b: b; a: a");
}

TEST_CASE("a further certificate does not become the default one because the default one is not there yet") {
  CHECK(show(pack_names(wanted({{"a", 1}, {"b", 2}}), {.max_names = 2, .stored = {stored("a", "a", false)}})) ==
        "*b: b; a: a");
}

TEST_CASE("when no name of the default certificate is wanted, another one becomes it") {
  CHECK(show(pack_names(wanted({{"b", 1}, {"c", 2}}), {.max_names = 1,
                                                       .stored = {stored("a", "a", true), stored("b", "b", false),
                                                                  stored("c", "c", false)}})) == "*c: c; b: b");
}

TEST_CASE("no two certificates are called the same") {
  const auto all = wanted({{"a", 1}, {"b", 1}, {"c", 1}});
  CHECK(show(pack_names(all, {.max_names = 1, .stored = {stored("a", "b", true), stored("b", "c", false)}})) ==
        "*a: b; a-2: a; b: c");
  INFO("nor two new ones: a wildcard's is called by what it begins below");
  WantedNames both = wanted({{"a", 1}});
  both[DnsName::parse_host("*.a.example").value()] = {.domains = 2};
  CHECK(show(pack_names(both, {.max_names = 1})) == "*a: *.a; a-2: a");
}

TEST_CASE("per host: each has its own certificate, the default one is that of most domains and has the extra names") {
  auto all = wanted({{"a", 1}, {"b", 3}, {"imap", 0}, {"real", 0}});
  PackingInput input{.pack = Pack::per_host, .aliases = {{name("a"), name("real")}}, .extra_names = {name("imap")}};
  CHECK(show(pack_names(all, input)) == "*b: b imap; a: a real");

  INFO("which stays so, however the domains move");
  input.stored = {stored("a", "a real", false), stored("b", "b imap", true)};
  all[name("a")].domains = 9;
  CHECK(show(pack_names(all, input)) == "*b: b imap; a: a real");

  INFO("and when its host is gone, the extra names go with the default one");
  all.erase(name("b"));
  CHECK(show(pack_names(all, input)) == "*a: a imap real");
}

TEST_CASE("per host: a name that is only kept stays where it is, so that its certificate stays what it was") {
  const auto all = wanted({{"a", 0}, {"b", 3}});
  CHECK(show(pack_names(all, {.pack = Pack::per_host, .stored = {stored("a", "a", true), stored("b", "b", false)}})) ==
        "*a: a; b: b");
  INFO("but an extra name goes to the default one");
  const auto more = wanted({{"a", 1}, {"b", 3}, {"imap", 0}});
  const PackingInput input{.pack = Pack::per_host,
                           .extra_names = {name("imap")},
                           .stored = {stored("a", "a imap", false), stored("b", "b", true)}};
  CHECK(show(pack_names(more, input)) == "*b: b imap; a: a");
}

TEST_CASE("per host: no certificate gets more names than it may have") {
  const auto all = wanted({{"a", 1}, {"imap", 0}, {"pop", 0}, {"real", 0}});
  PackingInput input{.pack = Pack::per_host,
                     .max_names = 2,
                     .aliases = {{name("a"), name("real")}},
                     .extra_names = {name("imap"), name("pop")}};
  CHECK(show(pack_names(all, input)) == "*a: a real; imap: imap; pop: pop");
}

TEST_CASE("from one way of packing to the other") {
  const auto all = wanted({{"a", 1}, {"b", 2}, {"c", 3}});
  CHECK(show(pack_names(all, {.pack = Pack::per_host, .stored = {stored("b", "a b c", true)}})) == "*b: b; a: a; c: c");
  CHECK(show(pack_names(all, {.stored = {stored("a", "a", false), stored("b", "b", true), stored("c", "c", false)}})) ==
        "*b: a b c");
  INFO("a certificate that is called by no host keeps the one of its hosts that most domains use");
  CHECK(show(pack_names(all, {.pack = Pack::per_host, .stored = {stored("old", "a b c", true)}})) ==
        "*old: c; a: a; b: b");
}

namespace {

/// A host whose mail domains come and go, each with one to three MX hosts, some of which several have.
struct World {
  std::mt19937 random;
  Pack pack = Pack::shared;
  std::size_t max_names = 5;
  std::map<int, std::vector<DnsName>> domains = {};
  std::vector<PackedCertificate> packed = {};
  int next = 0;

  int pick(int most) { return static_cast<int>(random() % static_cast<unsigned>(most)); }

  void add_domain() {
    std::vector<DnsName> hosts;
    for (int count = 1 + pick(3); count > 0; --count)
      hosts.push_back(name("h" + std::to_string(pick(60))));
    domains[next++] = hosts;
  }
  void remove_domain() {
    if (!domains.empty()) domains.erase(std::next(domains.begin(), pick(static_cast<int>(domains.size()))));
  }

  WantedNames all_wanted() const {
    WantedNames all;
    for (const auto& [number, hosts] : domains)
      for (const DnsName& host : std::set(hosts.begin(), hosts.end()))
        ++all[host].domains;
    return all;
  }

  /// How many certificates have other names than before.
  std::size_t plan() {
    PackingInput input{.pack = pack, .max_names = max_names};
    for (const auto& [number, hosts] : domains)
      input.groups.push_back(hosts);
    for (const PackedCertificate& one : packed) {
      const std::set<DnsName> held(one.names.begin(), one.names.end());
      input.stored.push_back({.name = one.name, .names = held, .assigned = held, .is_default = one.is_default});
    }
    std::ranges::sort(input.stored, {}, &StoredCertificate::name);
    const auto before = std::exchange(packed, pack_names(all_wanted(), input));
    return static_cast<std::size_t>(std::ranges::count_if(packed, [&](const PackedCertificate& one) {
      const auto old = std::ranges::find(before, one.name, &PackedCertificate::name);
      return old == before.end() || old->names != one.names;
    }));
  }

  void check() const {
    std::set<DnsName> seen;
    std::set<std::string> called;
    for (const PackedCertificate& one : packed) {
      REQUIRE(one.names.size() <= max_names);
      REQUIRE_FALSE(one.names.empty());
      REQUIRE(called.insert(one.name).second);
      for (const DnsName& each : one.names)
        REQUIRE(seen.insert(each).second);
    }
    REQUIRE(seen.size() == all_wanted().size());
    for (const auto& [each, demand] : all_wanted())
      REQUIRE(seen.contains(each));
    REQUIRE(std::ranges::count_if(packed, &PackedCertificate::is_default) == (packed.empty() ? 0 : 1));
    REQUIRE((packed.empty() || packed.front().is_default));
  }
};

}  // namespace

TEST_CASE("however domains come and go: a domain more changes one certificate, and no name is lost or doubled") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    World world{.random = std::mt19937(seed)};
    for (int step = 0; step < 200; ++step) {
      CAPTURE(seed, step);
      if (world.pick(5) < 3) {
        world.add_domain();
        REQUIRE(world.plan() <= 1);
      } else {
        world.remove_domain();
        world.plan();
      }
      world.check();
      REQUIRE(world.plan() == 0);
    }
  }
}

TEST_CASE("however domains come and go, per host: no certificate that is there changes for a domain more") {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    World world{.random = std::mt19937(seed), .pack = Pack::per_host};
    for (int step = 0; step < 100; ++step) {
      CAPTURE(seed, step);
      if (world.pick(5) < 3) {
        const std::size_t before = world.packed.size();
        world.add_domain();
        const std::size_t changed = world.plan();
        REQUIRE(changed == world.packed.size() - before);
      } else {
        world.remove_domain();
        world.plan();
      }
      world.check();
      REQUIRE(world.packed.size() == world.all_wanted().size());
    }
  }
}

TEST_CASE("when the limit changes under it nothing is lost, and the next plan is the same") {
  World world{.random = std::mt19937(7)};
  for (int domain = 0; domain < 40; ++domain)
    world.add_domain();
  for (const std::size_t limit : {100, 25, 3, 1, 7, 100}) {
    CAPTURE(limit);
    world.max_names = limit;
    world.plan();
    world.check();
    REQUIRE(world.plan() == 0);
  }
}
