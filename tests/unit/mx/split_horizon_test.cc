#include "mx/split_horizon.h"

#include "catch.h"

using namespace mxcert;
using namespace mxcert::mx;
using dns::DnsName;
using dns::IpAddress;
using dns::Security;

namespace {

PlannedTarget target(const std::string& host, Owner owner, const std::vector<std::string>& addresses,
                     Security dnssec = Security::insecure) {
  PlannedTarget made{.host = *DnsName::parse_host(host), .owner = owner, .dnssec = dnssec};
  for (const std::string& address : addresses)
    made.addresses.push_back(IpAddress::parse(address));
  return made;
}

Plan plan(const std::vector<PlannedTarget>& targets) {
  Plan made;
  for (const PlannedTarget& target : targets)
    made.domains.push_back({.domain = DnsName::parse("example.com"), .targets = {target}});
  return made;
}

std::string asked(const std::vector<PlannedTarget>& targets) {
  std::string text;
  for (const dns::Question& question : questions_about_view(plan(targets)))
    text += (text.empty() ? "" : ", ") + std::string(to_string(question.type)) + " " + question.name.ascii();
  return text;
}

std::string inner(const std::vector<PlannedTarget>& targets) {
  return find_inner_address(plan(targets)).value_or("");
}

}  // namespace

TEST_CASE("a host that is ours by a private address shows a view of the inside") {
  CHECK(inner({target("mx.example.com", Owner::ours, {"192.0.2.1", "10.0.0.1"})}) ==
        "mx.example.com has the private address 10.0.0.1");
  CHECK(inner({target("mx.example.com", Owner::sibling, {"fd00::1"})}) ==
        "mx.example.com has the private address fd00::1");
  CHECK(inner({target("mx.example.com", Owner::ours, {"192.0.2.1"})}).empty());
  CHECK(inner({target("mx.example.com", Owner::foreign, {"10.0.0.1"})}).empty());
}

TEST_CASE("so does the host of a service") {
  Plan made = plan({});
  made.domains.push_back(
      {.domain = DnsName::parse("example.com"),
       .services = {{.service = "_imaps._tcp", .targets = {target("imap.example.com", Owner::ours, {"10.0.0.1"})}}}});
  CHECK(find_inner_address(made) == "imap.example.com has the private address 10.0.0.1");
  CHECK(questions_about_view(made).size() == 1);
}

TEST_CASE("servers are asked about one host a zone, first about those that are ours") {
  CHECK(asked({target("mx.foreign.example", Owner::foreign, {"198.51.100.1"}),
               target("mx.example.com", Owner::ours, {"2001:db8::1"}),
               target("mx2.example.com", Owner::ours, {"192.0.2.1"}),
               target("example.net", Owner::partly_ours, {"192.0.2.1"})}) ==
        "AAAA mx.example.com, A example.net, A mx.foreign.example");
}

TEST_CASE("servers are asked about a few hosts only") {
  std::vector<PlannedTarget> many;
  for (int i = 0; i < 50; ++i)
    many.push_back(target("mx.d" + std::to_string(i) + ".example", Owner::ours, {"192.0.2.1"}));
  CHECK(questions_about_view(plan(many)).size() == 4);
}

TEST_CASE("servers are not asked where DNSSEC vouches for the answer, or nothing follows from an address") {
  CHECK(asked({target("mx.example.com", Owner::ours, {"192.0.2.1"}, Security::secure),
               target("mx.gone.example", Owner::unresolvable, {}),
               target("mx.lost.example", Owner::unknown, {"192.0.2.1"})})
            .empty());
}
