#include "mx/plan.h"

#include "base/error.h"
#include "catch.h"
#include "mx/plan_scene.h"

using namespace mxcert;
using namespace mxcert::mx;
using namespace std::chrono_literals;
using dns::DnsName;
using dns::IpAddress;
using test::certificates_of;
using test::FakeDns;
using test::make_plan_input;
using test::make_plan_zones;
using test::warnings_of;
using test::with_live;

namespace {

constexpr SystemTime now = test::plan_time;

}  // namespace

TEST_CASE("three domains with one MX host on this machine need one name: the host's") {
  const Plan plan =
      plan_certificates(make_plan_input(make_plan_zones(), {"example.com", "example.net", "example.org"}));
  CHECK(certificates_of(plan) == "issue mx.example.com: mx.example.com");
  CHECK(plan.certificates.front().why == "there is no certificate yet");
  CHECK_FALSE(plan.certificates.front().not_after);
  CHECK(warnings_of(plan) == "");
  REQUIRE(plan.domains.size() == 3);
  CHECK(plan.domains[0].targets.front().owner == Owner::ours);
  CHECK(plan.domains[0].source == "config");
}

TEST_CASE("a certificate that has every name and is not due is left alone") {
  const Plan plan =
      plan_certificates(with_live(make_plan_input(make_plan_zones(), {"example.com"}), {"mx.example.com"}));
  CHECK(certificates_of(plan) == "none mx.example.com: mx.example.com");
  CHECK(plan.certificates.front().why == "it has every name, and it expires in 60 days");
  CHECK(plan.certificates.front().not_after == now + std::chrono::days{60});
}

TEST_CASE("a gained name replaces the certificate, which keeps its stored name") {
  const Plan plan = plan_certificates(
      with_live(make_plan_input(make_plan_zones(), {"example.com", "second.example"}), {"mx.example.com"}));
  CHECK(certificates_of(plan) == "replace mx.example.com: mx.example.com mx2.example.com");
  CHECK(plan.certificates.front().why == "it lacks mx2.example.com");
}

TEST_CASE("a certificate that is not wanted any more is replaced, whatever it holds") {
  PlanInput scene_input = with_live(make_plan_input(make_plan_zones(), {"example.com"}), {"mx.example.com"});
  scene_input.current.front().parts.front().unwanted = "it is from another CA";
  const Plan plan = plan_certificates(scene_input);
  CHECK(certificates_of(plan) == "replace mx.example.com: mx.example.com");
  CHECK(plan.certificates.front().why == "it is from another CA");
}

TEST_CASE("a certificate of which nobody knows when it ends is replaced, and keeps what it had") {
  PlanInput plan = make_plan_input(make_plan_zones(), {"example.com"});
  plan.current = {
      {.name = "mx.example.com",
       .parts = {
           {.names = {"mx.example.com"}, .renew_at = SystemTime::max(), .unwanted = "its stored files are damaged"}}}};
  CHECK(certificates_of(plan_certificates(plan)) == "replace mx.example.com: mx.example.com");
  CHECK(plan_certificates(plan).certificates.front().why == "its stored files are damaged");
  CHECK_FALSE(plan_certificates(plan).certificates.front().not_after);
}

TEST_CASE("the stored name stays, however the domains move") {
  CHECK(certificates_of(plan_certificates(
            with_live(make_plan_input(make_plan_zones(), {"example.com", "example.net", "second.example"}),
                      {"mx2.example.com"}))) == "replace mx2.example.com: mx2.example.com mx.example.com");
}

TEST_CASE("a new certificate is named after the host that most domains use, then by preference, then by alphabet") {
  CHECK(certificates_of(
            plan_certificates(make_plan_input(make_plan_zones(), {"second.example", "example.com", "example.net"}))) ==
        "issue mx.example.com: mx.example.com mx2.example.com");
  FakeDns table = make_plan_zones();
  table.mx["example.com"] = {{20, "mx.example.com"}};
  CHECK(certificates_of(plan_certificates(make_plan_input(table, {"example.com", "second.example"}))) ==
        "issue mx2.example.com: mx2.example.com mx.example.com");
  CHECK(certificates_of(plan_certificates(make_plan_input(make_plan_zones(), {"second.example", "example.com"}))) ==
        "issue mx.example.com: mx.example.com mx2.example.com");
}

TEST_CASE("extra names are always in, and name the certificate only when there is nothing else") {
  PlanInput plan_input = make_plan_input(make_plan_zones(), {"example.com"});
  plan_input.extra_names = {DnsName::parse("imap.example.com"), DnsName::parse("autoconfig.example.com")};
  CHECK(certificates_of(plan_certificates(plan_input)) ==
        "issue mx.example.com: mx.example.com autoconfig.example.com imap.example.com");
  plan_input.lookups.clear();
  CHECK(certificates_of(plan_certificates(plan_input)) ==
        "issue imap.example.com: imap.example.com autoconfig.example.com");
}

TEST_CASE("a wildcard stands for the names that it covers, which CAs refuse beside it") {
  const auto wildcard = DnsName::parse_host("*.example.com").value();
  PlanInput plan_input = make_plan_input(make_plan_zones(), {"example.com", "second.example", "foreign.example"});
  plan_input.extra_names = {wildcard, DnsName::parse("imap.example.com"), DnsName::parse("a.imap.example.com")};
  CHECK(certificates_of(plan_certificates(plan_input)) == "issue example.com: *.example.com a.imap.example.com");
  CHECK(join(plan_certificates(plan_input).certificates.front().wanted_names(), " ") ==
        "*.example.com a.imap.example.com imap.example.com mx.example.com mx2.example.com");
  // What it is called is kept, and the names that are served are not lost, but covered.
  const Plan replaced = plan_certificates(with_live(plan_input, {"mx.example.com", "mx2.example.com"}));
  CHECK(certificates_of(replaced) == "replace mx.example.com: *.example.com a.imap.example.com");
  CHECK(warnings_of(replaced) == "");
  CHECK(certificates_of(plan_certificates(with_live(plan_input, {"*.example.com", "a.imap.example.com"})))
            .starts_with("none "));
}

TEST_CASE("a wildcard that is not wanted any more goes, whatever cannot be looked up, and covers until then") {
  FakeDns table = make_plan_zones();
  table.servfail = {"MX second.example"};
  const Plan plan =
      plan_certificates(with_live(make_plan_input(table, {"example.com", "second.example"}), {"*.example.com"}));
  CHECK(certificates_of(plan) == "none *.example.com: mx.example.com");
  CHECK(warnings_of(plan) == "domain_unknown second.example, name_dropped *.example.com");
}

TEST_CASE("no name of ours means no certificate, and each target says why") {
  const Plan plan = plan_certificates(make_plan_input(make_plan_zones(), {"foreign.example", "gone.example"}));
  CHECK(certificates_of(plan) == "none");
  CHECK(plan.domains[0].targets.front().reason == "198.51.100.1 is not this host's");
  CHECK(plan.domains[1].reason == "does not exist in the DNS");
}

TEST_CASE("behind NAT the plan asks for the public addresses") {
  PlanInput plan_input = make_plan_input(make_plan_zones(), {"foreign.example"});
  plan_input.rules.local_addresses = {IpAddress::parse("10.0.0.5"), IpAddress::parse("fd00::5")};
  CHECK(warnings_of(plan_certificates(plan_input)) == "only_private_addresses hosts.addresses");
  plan_input.rules.addresses = {IpAddress::parse("203.0.113.1")};
  CHECK(warnings_of(plan_certificates(plan_input)) == "");
}

TEST_CASE("a SERVFAIL for one domain keeps the names it had") {
  FakeDns table = make_plan_zones();
  table.servfail = {"MX second.example"};
  const Plan plan = plan_certificates(
      with_live(make_plan_input(table, {"example.com", "second.example"}), {"mx.example.com", "mx2.example.com"}));
  CHECK(certificates_of(plan) == "none mx.example.com: mx.example.com mx2.example.com");
  CHECK(warnings_of(plan) == "domain_unknown second.example, name_kept mx2.example.com");
}

TEST_CASE("a bogus answer keeps the names too, through a renewal") {
  FakeDns table = make_plan_zones();
  table.bogus = {"MX second.example"};
  CHECK(certificates_of(plan_certificates(with_live(make_plan_input(table, {"example.com", "second.example"}),
                                                    {"mx.example.com", "mx2.example.com"}, std::chrono::days{20}))) ==
        "renew mx.example.com: mx.example.com mx2.example.com");
}

TEST_CASE("when no domain can be looked up, nothing is dropped and nothing is added") {
  FakeDns table = make_plan_zones();
  table.servfail = {"example.com", "second.example"};
  const auto failed = make_plan_input(table, {"example.com", "second.example"});
  CHECK(certificates_of(plan_certificates(with_live(failed, {"mx.example.com"}))) ==
        "none mx.example.com: mx.example.com");
  CHECK(certificates_of(plan_certificates(failed)) == "none");
}

TEST_CASE("a host whose addresses cannot be looked up stays where it is and comes in nowhere") {
  FakeDns table = make_plan_zones();
  table.servfail = {"AAAA mx2.example.com"};
  const auto failed = make_plan_input(table, {"example.com", "second.example"});
  const Plan fresh = plan_certificates(failed);
  CHECK(certificates_of(fresh) == "issue mx.example.com: mx.example.com");
  CHECK(warnings_of(fresh) == "host_unknown mx2.example.com");
  const Plan live = plan_certificates(with_live(failed, {"mx.example.com", "mx2.example.com"}));
  CHECK(certificates_of(live) == "none mx.example.com: mx.example.com mx2.example.com");
  CHECK(warnings_of(live) == "name_kept mx2.example.com");
}

TEST_CASE("a name that no domain uses any more goes at the next renewal, not before") {
  const auto shrunk = make_plan_input(make_plan_zones(), {"example.com"});
  const Plan plan = plan_certificates(with_live(shrunk, {"mx.example.com", "mx2.example.com"}));
  CHECK(certificates_of(plan) == "none mx.example.com: mx.example.com");
  CHECK(warnings_of(plan) == "name_dropped mx2.example.com");
  CHECK(plan.warnings.front().message ==
        "mx2.example.com goes from certificate mx.example.com at its next renewal: no mail domain has it as its MX "
        "host any more");
  const Plan due = plan_certificates(with_live(shrunk, {"mx.example.com", "mx2.example.com"}, std::chrono::days{20}));
  CHECK(certificates_of(due) == "renew mx.example.com: mx.example.com");
  CHECK(due.warnings.front().message ==
        "mx2.example.com is not in the new certificate mx.example.com: no mail domain has it as its MX host any more");
}

TEST_CASE("a name that definitely leads elsewhere is dropped though another domain is unknown") {
  FakeDns table = make_plan_zones();
  table.addresses["mx2.example.com"] = {"198.51.100.1"};
  table.servfail = {"MX example.net"};
  const Plan plan = plan_certificates(with_live(
      make_plan_input(table, {"example.com", "example.net", "second.example"}), {"mx.example.com", "mx2.example.com"}));
  CHECK(certificates_of(plan) == "none mx.example.com: mx.example.com");
  CHECK(warnings_of(plan) == "domain_unknown example.net, name_dropped mx2.example.com");
}

TEST_CASE("definite answers drop a name: null MX, no mail, no such domain, no address") {
  for (const int answer : {0, 1, 2, 3}) {
    CAPTURE(answer);
    FakeDns table = make_plan_zones();
    table.mx.erase("second.example");
    if (answer == 0) table.mx["second.example"] = {{0, "."}};
    if (answer == 1) table.exists = {"second.example"};
    if (answer == 3) table.mx["second.example"] = {{10, "mx2.example.com"}}, table.addresses.erase("mx2.example.com");
    const Plan plan = plan_certificates(
        with_live(make_plan_input(table, {"example.com", "second.example"}), {"mx.example.com", "mx2.example.com"}));
    CHECK(certificates_of(plan) == "none mx.example.com: mx.example.com");
    const std::string host_warning = answer == 3 ? "mx_without_address mx2.example.com, " : "";
    CHECK(warnings_of(plan) == host_warning + "name_dropped mx2.example.com");
  }
}

TEST_CASE("when every name has gone the certificate is left in service and not renewed") {
  const Plan plan = plan_certificates(
      with_live(make_plan_input(make_plan_zones(), {"foreign.example"}), {"mx.example.com"}, std::chrono::days{1}));
  CHECK(certificates_of(plan) == "none");
  CHECK(plan.warnings.front().message ==
        "mx.example.com stays on certificate mx.example.com until 2026-11-24T00:00:00Z and is not renewed: no mail "
        "domain has it as its MX host any more");
}

TEST_CASE("a host that is partly ours is left out of what http-01 must prove, unless it is in already") {
  const auto mixed = make_plan_input(make_plan_zones(), {"example.com", "partly.example"});
  const Plan fresh = plan_certificates(mixed);
  CHECK(certificates_of(fresh) == "issue mx.example.com: mx.example.com");
  CHECK(warnings_of(fresh) == "partly_ours mx.partly.example");
  CHECK_THAT(fresh.warnings.front().message, ContainsSubstring("hosts.addresses"));
  const Plan live = plan_certificates(with_live(mixed, {"mx.example.com", "mx.partly.example"}));
  CHECK(certificates_of(live) == "none mx.example.com: mx.example.com mx.partly.example");
  CHECK(warnings_of(live) == "partly_ours mx.partly.example");
}

TEST_CASE("a host that is partly ours is in where the challenge needs no connection") {
  PlanInput mixed = make_plan_input(make_plan_zones(), {"example.com", "partly.example"});
  mixed.needs_all_addresses = [](const dns::DnsName&) { return false; };
  const Plan plan = plan_certificates(mixed);
  CHECK(certificates_of(plan) == "issue mx.example.com: mx.example.com mx.partly.example");
  CHECK(warnings_of(plan) == "");
}

TEST_CASE("a sibling's host is in where the challenge needs no connection, else only if it is in already") {
  PlanInput fleet = make_plan_input(make_plan_zones(), {"example.com", "foreign.example"});
  fleet.rules.siblings = {IpAddress::parse("198.51.100.1")};
  const Plan http = plan_certificates(fleet);
  CHECK(certificates_of(http) == "issue mx.example.com: mx.example.com");
  CHECK(warnings_of(http) == "sibling mx.foreign.example");
  CHECK_THAT(http.warnings.front().message, ContainsSubstring("use dns-01"));
  CHECK(certificates_of(plan_certificates(with_live(fleet, {"mx.example.com", "mx.foreign.example"}))) ==
        "none mx.example.com: mx.example.com mx.foreign.example");
  fleet.needs_all_addresses = [](const dns::DnsName& host) { return host.ascii() != "mx.foreign.example"; };
  const Plan dns = plan_certificates(fleet);
  CHECK(certificates_of(dns) == "issue mx.example.com: mx.example.com mx.foreign.example");
  CHECK(warnings_of(dns) == "");
}

TEST_CASE("where an alias of a sibling's leads to is in only if it can be proven as well") {
  FakeDns table = make_plan_zones();
  table.mx["example.com"] = {{10, "mail.example.com"}};
  table.cname = {{"mail.example.com", "mx.foreign.example"}};
  PlanInput fleet = make_plan_input(table, {"example.com"});
  fleet.rules.siblings = {IpAddress::parse("198.51.100.1")};
  fleet.needs_all_addresses = [](const dns::DnsName& host) { return host.ascii() == "mx.foreign.example"; };
  CHECK(certificates_of(plan_certificates(fleet)) == "issue mail.example.com: mail.example.com");
  fleet.needs_all_addresses = [](const dns::DnsName&) { return false; };
  CHECK(certificates_of(plan_certificates(fleet)) == "issue mail.example.com: mail.example.com mx.foreign.example");
}

TEST_CASE("hosts of services that are ours are in, and do not name the certificate") {
  FakeDns table = make_plan_zones();
  for (const char* domain : {"example.com", "example.net", "second.example"})
    table.srv[std::string("_imaps._tcp.") + domain] = {{0, "imap.example.com"}, {1, "mx.foreign.example"}};
  table.addresses["imap.example.com"] = {"192.0.2.1"};
  const PlanInput plan = make_plan_input(table, {"example.com", "example.net", "second.example"}, {.services = true});
  CHECK(certificates_of(plan_certificates(plan)) ==
        "issue mx.example.com: mx.example.com imap.example.com mx2.example.com");
  const PlannedService service = plan_certificates(plan).domains.front().services.front();
  CHECK(service.service == "_imaps._tcp");
  CHECK(service.targets[0].reason == "192.0.2.1 is this host's");
  CHECK(service.targets[1].owner == Owner::foreign);
}

TEST_CASE("while a service cannot be looked up no name goes that it may have asked for") {
  FakeDns table = make_plan_zones();
  table.servfail = {"SRV _imaps._tcp.example.com"};
  const Plan plan = plan_certificates(
      with_live(make_plan_input(table, {"example.com"}, {.services = true}), {"mx.example.com", "imap.example.com"}));
  CHECK(certificates_of(plan) == "none mx.example.com: mx.example.com imap.example.com");
  CHECK(warnings_of(plan) == "service_unknown example.com, name_kept imap.example.com");
}

TEST_CASE("while a service's host cannot be looked up it stays, and comes in nowhere") {
  FakeDns table = make_plan_zones();
  table.srv["_imaps._tcp.example.com"] = {{0, "imap.example.com"}};
  table.servfail = {"imap.example.com"};
  const PlanInput plan = make_plan_input(table, {"example.com"}, {.services = true});
  CHECK(certificates_of(plan_certificates(plan)) == "issue mx.example.com: mx.example.com");
  CHECK(certificates_of(plan_certificates(with_live(plan, {"mx.example.com", "imap.example.com"}))) ==
        "none mx.example.com: mx.example.com imap.example.com");
}

TEST_CASE("where an alias of a service leads to is in as well") {
  FakeDns table = make_plan_zones();
  table.srv["_imaps._tcp.example.com"] = {{0, "imap.example.com"}};
  table.cname["imap.example.com"] = "mx2.example.com";
  CHECK(certificates_of(plan_certificates(make_plan_input(table, {"example.com"}, {.services = true}))) ==
        "issue mx.example.com: mx.example.com imap.example.com mx2.example.com");
}

TEST_CASE("a warning about a host is said once, however many domains lead to it") {
  FakeDns table = make_plan_zones();
  table.cname["mail.example.com"] = "mx.example.com";
  table.mx["example.com"] = table.mx["example.net"] = {{10, "mail.example.com"}};
  CHECK(warnings_of(plan_certificates(make_plan_input(table, {"example.com", "example.net"}))) ==
        "mx_is_cname mail.example.com");
}

TEST_CASE("a certificate is due after its time, and the plan tells when it is the CA that wants it renewed") {
  PlanInput plan = with_live(make_plan_input(make_plan_zones(), {"example.com"}), {"mx.example.com"});
  plan.current.front().parts.front().renew_at = now;
  plan.current.front().parts.front().renew_why = "the CA wants it renewed";
  CHECK(certificates_of(plan_certificates(plan)) == "none mx.example.com: mx.example.com");
  plan.current.front().parts.front().renew_at = now - 1s;
  const Plan due = plan_certificates(plan);
  CHECK(certificates_of(due) == "renew mx.example.com: mx.example.com");
  CHECK(due.certificates.front().why == "the CA wants it renewed, and it expires in 60 days");
}

TEST_CASE("a name that failed a short while ago is left out for now, and causes no order") {
  PlanInput plan = with_live(make_plan_input(make_plan_zones(), {"example.com", "second.example"}), {"mx.example.com"});
  plan.postponed = {DnsName::parse("mx2.example.com"), DnsName::parse("unrelated.example")};
  const Plan made = plan_certificates(plan);
  CHECK(certificates_of(made) == "none mx.example.com: mx.example.com");
  CHECK(made.certificates.front().wanted_names() == std::vector<std::string>{"mx.example.com", "mx2.example.com"});
  plan.postponed.clear();
  CHECK(certificates_of(plan_certificates(plan)) == "replace mx.example.com: mx.example.com mx2.example.com");
}

TEST_CASE("a name that failed is never left out when it is served, or the only one") {
  PlanInput served = with_live(make_plan_input(make_plan_zones(), {"example.com", "second.example"}),
                               {"mx.example.com", "mx2.example.com"}, 24h);
  served.postponed = {DnsName::parse("mx2.example.com")};
  CHECK(certificates_of(plan_certificates(served)) == "renew mx.example.com: mx.example.com mx2.example.com");
  PlanInput only = make_plan_input(make_plan_zones(), {"example.com"});
  only.postponed = {DnsName::parse("mx.example.com")};
  CHECK(certificates_of(plan_certificates(only)) == "issue mx.example.com: mx.example.com");
}

TEST_CASE("a certificate keeps the name of the host that most domains use, though that is left out for now") {
  PlanInput plan = make_plan_input(make_plan_zones(), {"example.com", "example.net", "second.example"});
  plan.postponed = {DnsName::parse("mx.example.com")};
  CHECK(certificates_of(plan_certificates(plan)) == "issue mx.example.com: mx2.example.com");
}

TEST_CASE("why tells when it expires") {
  const auto why = [](std::chrono::hours left) {
    return plan_certificates(with_live(make_plan_input(make_plan_zones(), {"example.com"}), {"mx.example.com"}, left))
        .certificates.front()
        .why;
  };
  CHECK(why(20 * 24h) == "it expires in 20 days");
  CHECK(why(-72h) == "it expired 3 days ago");
  CHECK(plan_certificates(
            with_live(make_plan_input(make_plan_zones(), {"example.com", "second.example"}), {"mx.example.com"}, 240h))
            .certificates.front()
            .why == "it lacks mx2.example.com and it expires in 10 days");
}

TEST_CASE("names that do not fit on one certificate go on further ones, and the plan says what that means") {
  PlanInput two = make_plan_input(make_plan_zones(), {"example.com", "example.net", "second.example"});
  two.max_names = 2;
  CHECK(certificates_of(plan_certificates(two)) == "issue mx.example.com: mx.example.com mx2.example.com");
  two.max_names = 1;
  const Plan plan = plan_certificates(two);
  CHECK(certificates_of(plan) == "issue mx.example.com: mx.example.com; issue mx2.example.com: mx2.example.com");
  CHECK(plan.certificates[0].is_default);
  CHECK_FALSE(plan.certificates[1].is_default);
  CHECK(warnings_of(plan) == "sni_needed mx.example.com");
  CHECK(plan.warnings.front().message ==
        "mx.example.com is the default certificate, with 1 of 2 names: senders that send no SNI, among them Postfix "
        "outside DANE, see no other");
}

TEST_CASE("per host, each host has a certificate of its own") {
  PlanInput plan_input = make_plan_input(make_plan_zones(), {"example.com", "second.example"});
  plan_input.pack = Pack::per_host;
  plan_input.extra_names = {DnsName::parse("imap.example.com")};
  CHECK(certificates_of(plan_certificates(plan_input)) ==
        "issue mx.example.com: mx.example.com imap.example.com; issue mx2.example.com: mx2.example.com");
}

TEST_CASE("each certificate is due, and lacks names, for itself") {
  PlanInput plan_input = make_plan_input(make_plan_zones(), {"example.com", "second.example"});
  plan_input.max_names = 1;
  plan_input.current = {{.name = "mx.example.com",
                         .parts = {{.names = {"mx.example.com"}, .not_after = now + 240h, .renew_at = now + 1h}}},
                        {.name = "mx2.example.com",
                         .parts = {{.names = {"mx2.example.com"}, .not_after = now + 24h, .renew_at = now - 1h}}}};
  CHECK(certificates_of(plan_certificates(plan_input)) ==
        "none mx.example.com: mx.example.com; renew mx2.example.com: mx2.example.com");
}

TEST_CASE("what could not be had yet stays on the certificate that it was tried for") {
  PlanInput plan_input = make_plan_input(make_plan_zones(), {"example.com", "example.net", "second.example"});
  plan_input.max_names = 2;
  plan_input.current = {
      {.name = "old.example.com", .parts = {{.names = {"old.example.com"}, .not_after = now}}, .unplanned = true}};
  plan_input.tried = {{.name = "mx2.example.com", .desired = {"mx2.example.com"}, .is_default = false},
                      {.name = "gone.example.com", .desired = {"mx.example.com"}, .is_default = true}};
  CHECK(certificates_of(plan_certificates(plan_input)) ==
        "issue mx.example.com: mx.example.com; issue mx2.example.com: mx2.example.com");
}

TEST_CASE("when certificates may have fewer names, the plan says which ones leave and none is lost") {
  PlanInput plan_input = with_live(make_plan_input(make_plan_zones(), {"example.com", "example.net", "second.example"}),
                                   {"mx2.example.com", "mx.example.com"});
  plan_input.max_names = 1;
  const Plan plan = plan_certificates(plan_input);
  CHECK(certificates_of(plan) == "none mx2.example.com: mx2.example.com; issue mx.example.com: mx.example.com");
  CHECK(plan.certificates[0].moved == std::vector{DnsName::parse("mx.example.com")});
  CHECK(plan.certificates[1].moved.empty());
}

TEST_CASE("a certificate for which no name is planned is named in a warning") {
  PlanInput two = with_live(make_plan_input(make_plan_zones(), {"example.com"}), {"mx.example.com"});
  two.current.front().is_default = true;
  two.current.push_back(
      {.name = "old.example.com", .parts = {{.names = {"old.example.com"}, .not_after = now}}, .is_default = false});
  CHECK(warnings_of(plan_certificates(two)) == "certificate_unplanned old.example.com, name_dropped old.example.com");
  two.current.back().unplanned = true;
  CHECK(warnings_of(plan_certificates(two)) == "certificate_unplanned old.example.com");
}

TEST_CASE("an alias is in under its own name and the one it leads to, if that is ours too") {
  FakeDns table = make_plan_zones();
  table.mx["example.com"] = {{10, "mail.example.com"}};
  table.mx["example.net"] = {{10, "mail.example.net"}};
  table.cname = {{"mail.example.com", "mx.example.com"}, {"mail.example.net", "mx.foreign.example"}};
  PlanInput plan = make_plan_input(table, {"example.com", "example.net"});
  CHECK(certificates_of(plan_certificates(plan)) == "issue mail.example.com: mail.example.com mx.example.com");
  plan.rules.exclude.push_back(HostPattern::parse("mx.example.com"));
  CHECK(certificates_of(plan_certificates(plan)) == "issue mail.example.com: mail.example.com");
}

TEST_CASE("while an alias cannot be looked up the name that it led to stays") {
  FakeDns table = make_plan_zones();
  table.mx["example.com"] = {{10, "mail.example.com"}};
  table.cname = {{"mail.example.com", "mx.example.com"}};
  table.servfail = {"mail.example.com"};
  const Plan plan =
      plan_certificates(with_live(make_plan_input(table, {"example.com"}), {"mail.example.com", "mx.example.com"}));
  CHECK(certificates_of(plan) == "none mail.example.com: mail.example.com mx.example.com");
  CHECK(warnings_of(plan) == "name_kept mail.example.com, name_kept mx.example.com");
}

TEST_CASE("how sure the DNS was of a host comes along") {
  FakeDns table = make_plan_zones();
  table.secure = {"mx.example.com"};
  const Plan plan = plan_certificates(make_plan_input(table, {"example.com", "second.example"}));
  CHECK(plan.domains[0].targets.front().dnssec == dns::Security::secure);
  CHECK(plan.domains[1].targets.front().dnssec == dns::Security::insecure);
}
