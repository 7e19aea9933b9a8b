#include "mx/wanted_names.h"

#include <fmt/format.h>

#include "catch.h"
#include "mx/plan_scene.h"

using namespace mxcert;
using namespace mxcert::mx;
using dns::DnsName;
using test::FakeDns;
using test::make_plan_input;
using test::make_plan_zones;

namespace {

DnsName name(std::string_view text) {
  return DnsName::parse_host(text).value();
}

Wanted find(const PlanInput& input, const NameSet& live = {}) {
  return find_wanted_names(input, decide_owners(input.lookups, input.rules), live);
}

/// `mx.example.com 2 10, …`: used by two domains, the lower preference being 10
std::string show(const WantedNames& names) {
  std::vector<std::string> texts;
  for (const auto& [one, demand] : names)
    texts.push_back(fmt::format("{} {} {}", one.ascii(), demand.domains, demand.preference));
  return join(texts, ", ");
}

/// A domain whose MX host mx.a.example has these addresses, `?` if they cannot be looked up.
PlanInput with_host(const std::vector<std::string>& addresses) {
  FakeDns table{.mx = {{"a.example", {{10, "mx.a.example"}}}}};
  if (addresses == std::vector<std::string>{"?"})
    table.servfail = {"A mx.a.example", "AAAA mx.a.example"};
  else
    table.addresses = {{"mx.a.example", addresses}};
  PlanInput input = make_plan_input(table, {"a.example"});
  input.rules.siblings = {dns::IpAddress::parse("192.0.2.2")};
  return input;
}

}  // namespace

TEST_CASE("a host's name is wanted where the CA finds us wherever it looks, and else only kept") {
  enum Challenge { connects, connects_not };
  struct Row {
    std::vector<std::string> addresses;
    Challenge challenge;
    Use use;
    const char* fresh;  // the names where it is on no certificate
    const char* live;   // where it is
  };
  const char* in = "mx.a.example 1 10";
  const std::vector<Row> table = {
      {{"192.0.2.1"}, connects, Use::wanted, in, in},
      {{"192.0.2.1", "198.51.100.1"}, connects, Use::unproven, "", in},
      {{"192.0.2.1", "198.51.100.1"}, connects_not, Use::wanted, in, in},
      {{"192.0.2.2"}, connects, Use::unproven, "", in},
      {{"192.0.2.2"}, connects_not, Use::wanted, in, in},
      {{"?"}, connects, Use::unknown, "", in},
      {{"?"}, connects_not, Use::unknown, "", in},
      {{"198.51.100.1"}, connects_not, Use::unwanted, "", ""},
      {{}, connects_not, Use::unwanted, "", ""},
  };
  for (const Row& row : table) {
    CAPTURE(row.addresses, row.challenge);
    PlanInput input = with_host(row.addresses);
    if (row.challenge == connects_not) input.needs_all_addresses = [](const DnsName&) { return false; };
    CHECK(find(input).uses.at(name("mx.a.example")) == row.use);
    CHECK(show(find(input).names) == row.fresh);
    CHECK(show(find(input, {name("mx.a.example")}).names) == row.live);
    CHECK(show(find(input, {name("*.a.example")}).names) == row.live);
  }
}

TEST_CASE("a name is wanted by as many domains as lead to it, at the lowest preference of theirs") {
  FakeDns table = make_plan_zones();
  table.mx["example.com"] = {{30, "mx.example.com"}};
  table.mx["example.net"] = {{20, "mx.example.com"}};
  table.mx["example.org"] = {{40, "mx.example.com"}};
  const PlanInput input =
      make_plan_input(table, {"example.com", "example.net", "example.org", "second.example", "foreign.example"});
  CHECK(show(find(input).names) == "mx.example.com 3 20, mx2.example.com 1 10");
}

TEST_CASE("services, aliases' targets and extra names are wanted by no domain") {
  FakeDns table = make_plan_zones();
  table.mx["example.com"] = {{30, "mail.example.com"}};
  table.cname["mail.example.com"] = "mx.example.com";
  table.srv["_imaps._tcp.example.com"] = {{5, "mx2.example.com"}};
  PlanInput input = make_plan_input(table, {"example.com"}, {.services = true});
  input.extra_names = {name("webmail.example.com")};
  const Wanted wanted = find(input);
  CHECK(show(wanted.names) ==
        "mail.example.com 1 30, mx.example.com 0 0, mx2.example.com 0 0, webmail.example.com 0 0");
  CHECK(wanted.aliases == std::map<DnsName, DnsName>{{name("mail.example.com"), name("mx.example.com")}});
}

TEST_CASE("a wildcard is wanted by the domains of what it covers, and proves hosts that are only partly ours") {
  PlanInput input = make_plan_input(make_plan_zones(), {"example.com", "second.example", "partly.example"});
  input.extra_names = {name("*.partly.example"), name("*.example.com")};
  const Wanted wanted = find(input);
  CHECK(show(wanted.names) == "*.example.com 2 10, *.partly.example 1 10");
  CHECK(wanted.covered.at(name("*.example.com")) == std::vector{name("mx.example.com"), name("mx2.example.com")});
  CHECK(wanted.uses.at(name("mx.partly.example")) == Use::wanted);
}
