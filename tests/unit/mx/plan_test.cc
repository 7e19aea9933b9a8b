#include "mx/plan.h"

#include "base/error.h"
#include "base/text.h"
#include "catch.h"
#include "dns/fake_resolver.h"

using namespace mxcert;
using namespace mxcert::mx;
using namespace std::chrono_literals;
using dns::DnsName;
using dns::IpAddress;
using test::FakeDns;
using test::FakeResolver;

namespace {

constexpr SystemTime now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};

/// example.com, example.net and example.org with their MX on this host; second.example on its second name.
FakeDns scene() {
  return {.mx = {{"example.com", {{10, "mx.example.com"}}},
                 {"example.net", {{10, "mx.example.com"}}},
                 {"example.org", {{10, "mx.example.com"}}},
                 {"second.example", {{10, "mx2.example.com"}}},
                 {"foreign.example", {{10, "mx.foreign.example"}}},
                 {"partly.example", {{10, "mx.partly.example"}}}},
          .addresses = {{"mx.example.com", {"192.0.2.1", "2001:db8::1"}},
                        {"mx2.example.com", {"192.0.2.1"}},
                        {"mx.foreign.example", {"198.51.100.1"}},
                        {"mx.partly.example", {"192.0.2.1", "198.51.100.1"}}}};
}

PlanInput input(FakeDns table, const std::vector<std::string>& domains, const LookupOptions& options = {}) {
  FakeResolver resolver(std::move(table));
  std::vector<MailDomain> mail_domains;
  for (const std::string& domain : domains)
    mail_domains.push_back({DnsName::parse(domain), "config"});
  return {.lookups = find_mx_targets(resolver, mail_domains, options),
          .rules = {.local_addresses = {IpAddress::parse("192.0.2.1"), IpAddress::parse("2001:db8::1")}},
          .now = now};
}

PlanInput with(PlanInput plan, const std::vector<std::string>& live_names,
               std::chrono::hours left = std::chrono::days{60}) {
  plan.current = {
      {.name = live_names.front(), .names = live_names, .not_after = now + left, .renew_at = now + left - 30 * 24h}};
  return plan;
}

/// `issue mx.example.com: mx.example.com; issue mx2.example.com: mx2.example.com`
std::string certificates(const Plan& plan) {
  std::vector<std::string> texts;
  for (const PlannedCertificate& one : plan.certificates)
    texts.push_back(std::string(to_string(one.action)) + " " + one.name + ": " + join(one.ascii_names(), " "));
  return join(texts, "; ");
}

/// `issue mx.example.com: mx.example.com mx2.example.com`
std::string certificate(const Plan& plan) {
  if (plan.certificates.empty()) return "none";
  REQUIRE(plan.certificates.size() == 1);
  return certificates(plan);
}

/// `name_kept mx.example.com, …`
std::string warnings(const Plan& plan) {
  std::vector<std::string> texts;
  for (const Warning& warning : plan.warnings)
    texts.push_back(warning.code + " " + warning.subject);
  return join(texts, ", ");
}

}  // namespace

TEST_CASE("three domains with one MX host on this machine need one name: the host's") {
  const Plan plan = plan_certificates(input(scene(), {"example.com", "example.net", "example.org"}));
  CHECK(certificate(plan) == "issue mx.example.com: mx.example.com");
  CHECK(plan.certificates.front().why == "there is no certificate yet");
  CHECK_FALSE(plan.certificates.front().not_after);
  CHECK(warnings(plan) == "");
  REQUIRE(plan.domains.size() == 3);
  CHECK(plan.domains[0].targets.front().owner == Owner::ours);
  CHECK(plan.domains[0].source == "config");
}

TEST_CASE("a certificate that has every name and is not due is left alone") {
  const Plan plan = plan_certificates(with(input(scene(), {"example.com"}), {"mx.example.com"}));
  CHECK(certificate(plan) == "none mx.example.com: mx.example.com");
  CHECK(plan.certificates.front().why == "it has every name, and it expires in 60 days");
  CHECK(plan.certificates.front().not_after == now + std::chrono::days{60});
}

TEST_CASE("a gained name replaces the certificate, which keeps its stored name") {
  const Plan plan = plan_certificates(with(input(scene(), {"example.com", "second.example"}), {"mx.example.com"}));
  CHECK(certificate(plan) == "replace mx.example.com: mx.example.com mx2.example.com");
  CHECK(plan.certificates.front().why == "it lacks mx2.example.com");
}

TEST_CASE("a certificate that is not wanted any more is replaced, whatever it holds") {
  PlanInput scene_input = with(input(scene(), {"example.com"}), {"mx.example.com"});
  scene_input.current.front().unwanted = "it is from another CA";
  const Plan plan = plan_certificates(scene_input);
  CHECK(certificate(plan) == "replace mx.example.com: mx.example.com");
  CHECK(plan.certificates.front().why == "it is from another CA");
}

TEST_CASE("the stored name stays, however the domains move") {
  CHECK(certificate(plan_certificates(
            with(input(scene(), {"example.com", "example.net", "second.example"}), {"mx2.example.com"}))) ==
        "replace mx2.example.com: mx2.example.com mx.example.com");
}

TEST_CASE("a new certificate is named after the host that most domains use, then by preference, then by alphabet") {
  CHECK(certificate(plan_certificates(input(scene(), {"second.example", "example.com", "example.net"}))) ==
        "issue mx.example.com: mx.example.com mx2.example.com");
  FakeDns table = scene();
  table.mx["example.com"] = {{20, "mx.example.com"}};
  CHECK(certificate(plan_certificates(input(table, {"example.com", "second.example"}))) ==
        "issue mx2.example.com: mx2.example.com mx.example.com");
  CHECK(certificate(plan_certificates(input(scene(), {"second.example", "example.com"}))) ==
        "issue mx.example.com: mx.example.com mx2.example.com");
}

TEST_CASE("extra names are always in, and name the certificate only when there is nothing else") {
  PlanInput plan_input = input(scene(), {"example.com"});
  plan_input.extra_names = {DnsName::parse("imap.example.com"), DnsName::parse("autoconfig.example.com")};
  CHECK(certificate(plan_certificates(plan_input)) ==
        "issue mx.example.com: mx.example.com autoconfig.example.com imap.example.com");
  plan_input.lookups.clear();
  CHECK(certificate(plan_certificates(plan_input)) ==
        "issue imap.example.com: imap.example.com autoconfig.example.com");
}

TEST_CASE("a wildcard stands for the names that it covers, which CAs refuse beside it") {
  const auto wildcard = DnsName::parse_host("*.example.com").value();
  PlanInput plan_input = input(scene(), {"example.com", "second.example", "foreign.example"});
  plan_input.extra_names = {wildcard, DnsName::parse("imap.example.com"), DnsName::parse("a.imap.example.com")};
  CHECK(certificate(plan_certificates(plan_input)) == "issue example.com: *.example.com a.imap.example.com");
  CHECK(join(plan_certificates(plan_input).certificates.front().wanted_names(), " ") ==
        "*.example.com a.imap.example.com imap.example.com mx.example.com mx2.example.com");
  // What it is called is kept, and the names that are served are not lost, but covered.
  const Plan replaced = plan_certificates(with(plan_input, {"mx.example.com", "mx2.example.com"}));
  CHECK(certificate(replaced) == "replace mx.example.com: *.example.com a.imap.example.com");
  CHECK(warnings(replaced) == "");
  CHECK(certificate(plan_certificates(with(plan_input, {"*.example.com", "a.imap.example.com"}))).starts_with("none "));
}

TEST_CASE("a wildcard that is not wanted any more goes, whatever cannot be looked up, and covers until then") {
  FakeDns table = scene();
  table.servfail = {"MX second.example"};
  const Plan plan = plan_certificates(with(input(table, {"example.com", "second.example"}), {"*.example.com"}));
  CHECK(certificate(plan) == "none *.example.com: mx.example.com");
  CHECK(warnings(plan) == "domain_unknown second.example, name_dropped *.example.com");
}

TEST_CASE("no name of ours means no certificate, and each target says why") {
  const Plan plan = plan_certificates(input(scene(), {"foreign.example", "gone.example"}));
  CHECK(certificate(plan) == "none");
  CHECK(plan.domains[0].targets.front().reason == "198.51.100.1 is not this host's");
  CHECK(plan.domains[1].reason == "does not exist in the DNS");
}

TEST_CASE("behind NAT the plan asks for the public addresses") {
  PlanInput plan_input = input(scene(), {"foreign.example"});
  plan_input.rules.local_addresses = {IpAddress::parse("10.0.0.5"), IpAddress::parse("fd00::5")};
  CHECK(warnings(plan_certificates(plan_input)) == "only_private_addresses hosts.addresses");
  plan_input.rules.addresses = {IpAddress::parse("203.0.113.1")};
  CHECK(warnings(plan_certificates(plan_input)) == "");
}

TEST_CASE("a SERVFAIL for one domain keeps the names it had") {
  FakeDns table = scene();
  table.servfail = {"MX second.example"};
  const Plan plan =
      plan_certificates(with(input(table, {"example.com", "second.example"}), {"mx.example.com", "mx2.example.com"}));
  CHECK(certificate(plan) == "none mx.example.com: mx.example.com mx2.example.com");
  CHECK(warnings(plan) == "domain_unknown second.example, name_kept mx2.example.com");
}

TEST_CASE("a bogus answer keeps the names too, through a renewal") {
  FakeDns table = scene();
  table.bogus = {"MX second.example"};
  CHECK(certificate(plan_certificates(with(input(table, {"example.com", "second.example"}),
                                           {"mx.example.com", "mx2.example.com"}, std::chrono::days{20}))) ==
        "renew mx.example.com: mx.example.com mx2.example.com");
}

TEST_CASE("when no domain can be looked up, nothing is dropped and nothing is added") {
  FakeDns table = scene();
  table.servfail = {"example.com", "second.example"};
  const auto failed = input(table, {"example.com", "second.example"});
  CHECK(certificate(plan_certificates(with(failed, {"mx.example.com"}))) == "none mx.example.com: mx.example.com");
  CHECK(certificate(plan_certificates(failed)) == "none");
}

TEST_CASE("a host whose addresses cannot be looked up stays where it is and comes in nowhere") {
  FakeDns table = scene();
  table.servfail = {"AAAA mx2.example.com"};
  const auto failed = input(table, {"example.com", "second.example"});
  const Plan fresh = plan_certificates(failed);
  CHECK(certificate(fresh) == "issue mx.example.com: mx.example.com");
  CHECK(warnings(fresh) == "host_unknown mx2.example.com");
  const Plan live = plan_certificates(with(failed, {"mx.example.com", "mx2.example.com"}));
  CHECK(certificate(live) == "none mx.example.com: mx.example.com mx2.example.com");
  CHECK(warnings(live) == "name_kept mx2.example.com");
}

TEST_CASE("a name that no domain uses any more goes at the next renewal, not before") {
  const auto shrunk = input(scene(), {"example.com"});
  const Plan plan = plan_certificates(with(shrunk, {"mx.example.com", "mx2.example.com"}));
  CHECK(certificate(plan) == "none mx.example.com: mx.example.com");
  CHECK(warnings(plan) == "name_dropped mx2.example.com");
  CHECK(plan.warnings.front().message ==
        "mx2.example.com goes from certificate mx.example.com at its next renewal: no mail domain has it as its MX "
        "host any more");
  const Plan due = plan_certificates(with(shrunk, {"mx.example.com", "mx2.example.com"}, std::chrono::days{20}));
  CHECK(certificate(due) == "renew mx.example.com: mx.example.com");
  CHECK(due.warnings.front().message ==
        "mx2.example.com is not in the new certificate mx.example.com: no mail domain has it as its MX host any more");
}

TEST_CASE("a name that definitely leads elsewhere is dropped though another domain is unknown") {
  FakeDns table = scene();
  table.addresses["mx2.example.com"] = {"198.51.100.1"};
  table.servfail = {"MX example.net"};
  const Plan plan = plan_certificates(
      with(input(table, {"example.com", "example.net", "second.example"}), {"mx.example.com", "mx2.example.com"}));
  CHECK(certificate(plan) == "none mx.example.com: mx.example.com");
  CHECK(warnings(plan) == "domain_unknown example.net, name_dropped mx2.example.com");
}

TEST_CASE("definite answers drop a name: null MX, no mail, no such domain, no address") {
  for (const int answer : {0, 1, 2, 3}) {
    CAPTURE(answer);
    FakeDns table = scene();
    table.mx.erase("second.example");
    if (answer == 0) table.mx["second.example"] = {{0, "."}};
    if (answer == 1) table.exists = {"second.example"};
    if (answer == 3) table.mx["second.example"] = {{10, "mx2.example.com"}}, table.addresses.erase("mx2.example.com");
    const Plan plan =
        plan_certificates(with(input(table, {"example.com", "second.example"}), {"mx.example.com", "mx2.example.com"}));
    CHECK(certificate(plan) == "none mx.example.com: mx.example.com");
    const std::string host_warning = answer == 3 ? "mx_without_address mx2.example.com, " : "";
    CHECK(warnings(plan) == host_warning + "name_dropped mx2.example.com");
  }
}

TEST_CASE("when every name has gone the certificate is left in service and not renewed") {
  const Plan plan =
      plan_certificates(with(input(scene(), {"foreign.example"}), {"mx.example.com"}, std::chrono::days{1}));
  CHECK(certificate(plan) == "none");
  CHECK(plan.warnings.front().message ==
        "mx.example.com stays on certificate mx.example.com until 2026-11-24T00:00:00Z and is not renewed: no mail "
        "domain has it as its MX host any more");
}

TEST_CASE("a host that is partly ours is left out of what http-01 must prove, unless it is in already") {
  const auto mixed = input(scene(), {"example.com", "partly.example"});
  const Plan fresh = plan_certificates(mixed);
  CHECK(certificate(fresh) == "issue mx.example.com: mx.example.com");
  CHECK(warnings(fresh) == "partly_ours mx.partly.example");
  CHECK_THAT(fresh.warnings.front().message, ContainsSubstring("hosts.addresses"));
  const Plan live = plan_certificates(with(mixed, {"mx.example.com", "mx.partly.example"}));
  CHECK(certificate(live) == "none mx.example.com: mx.example.com mx.partly.example");
  CHECK(warnings(live) == "partly_ours mx.partly.example");
}

TEST_CASE("a host that is partly ours is in where the challenge needs no connection") {
  PlanInput mixed = input(scene(), {"example.com", "partly.example"});
  mixed.needs_all_addresses = [](const dns::DnsName&) { return false; };
  const Plan plan = plan_certificates(mixed);
  CHECK(certificate(plan) == "issue mx.example.com: mx.example.com mx.partly.example");
  CHECK(warnings(plan) == "");
}

TEST_CASE("a sibling's host is in where the challenge needs no connection, else only if it is in already") {
  PlanInput fleet = input(scene(), {"example.com", "foreign.example"});
  fleet.rules.siblings = {IpAddress::parse("198.51.100.1")};
  const Plan http = plan_certificates(fleet);
  CHECK(certificate(http) == "issue mx.example.com: mx.example.com");
  CHECK(warnings(http) == "sibling mx.foreign.example");
  CHECK_THAT(http.warnings.front().message, ContainsSubstring("use dns-01"));
  CHECK(certificate(plan_certificates(with(fleet, {"mx.example.com", "mx.foreign.example"}))) ==
        "none mx.example.com: mx.example.com mx.foreign.example");
  fleet.needs_all_addresses = [](const dns::DnsName& host) { return host.ascii() != "mx.foreign.example"; };
  const Plan dns = plan_certificates(fleet);
  CHECK(certificate(dns) == "issue mx.example.com: mx.example.com mx.foreign.example");
  CHECK(warnings(dns) == "");
}

TEST_CASE("where an alias of a sibling's leads to is in only if it can be proven as well") {
  FakeDns table = scene();
  table.mx["example.com"] = {{10, "mail.example.com"}};
  table.cname = {{"mail.example.com", "mx.foreign.example"}};
  PlanInput fleet = input(table, {"example.com"});
  fleet.rules.siblings = {IpAddress::parse("198.51.100.1")};
  fleet.needs_all_addresses = [](const dns::DnsName& host) { return host.ascii() == "mx.foreign.example"; };
  CHECK(certificate(plan_certificates(fleet)) == "issue mail.example.com: mail.example.com");
  fleet.needs_all_addresses = [](const dns::DnsName&) { return false; };
  CHECK(certificate(plan_certificates(fleet)) == "issue mail.example.com: mail.example.com mx.foreign.example");
}

TEST_CASE("hosts of services that are ours are in, and do not name the certificate") {
  FakeDns table = scene();
  for (const char* domain : {"example.com", "example.net", "second.example"})
    table.srv[std::string("_imaps._tcp.") + domain] = {{0, "imap.example.com"}, {1, "mx.foreign.example"}};
  table.addresses["imap.example.com"] = {"192.0.2.1"};
  const PlanInput plan = input(table, {"example.com", "example.net", "second.example"}, {.services = true});
  CHECK(certificate(plan_certificates(plan)) ==
        "issue mx.example.com: mx.example.com imap.example.com mx2.example.com");
  const PlannedService service = plan_certificates(plan).domains.front().services.front();
  CHECK(service.service == "_imaps._tcp");
  CHECK(service.targets[0].reason == "192.0.2.1 is this host's");
  CHECK(service.targets[1].owner == Owner::foreign);
}

TEST_CASE("while a service cannot be looked up no name goes that it may have asked for") {
  FakeDns table = scene();
  table.servfail = {"SRV _imaps._tcp.example.com"};
  const Plan plan = plan_certificates(
      with(input(table, {"example.com"}, {.services = true}), {"mx.example.com", "imap.example.com"}));
  CHECK(certificate(plan) == "none mx.example.com: mx.example.com imap.example.com");
  CHECK(warnings(plan) == "service_unknown example.com, name_kept imap.example.com");
}

TEST_CASE("while a service's host cannot be looked up it stays, and comes in nowhere") {
  FakeDns table = scene();
  table.srv["_imaps._tcp.example.com"] = {{0, "imap.example.com"}};
  table.servfail = {"imap.example.com"};
  const PlanInput plan = input(table, {"example.com"}, {.services = true});
  CHECK(certificate(plan_certificates(plan)) == "issue mx.example.com: mx.example.com");
  CHECK(certificate(plan_certificates(with(plan, {"mx.example.com", "imap.example.com"}))) ==
        "none mx.example.com: mx.example.com imap.example.com");
}

TEST_CASE("where an alias of a service leads to is in as well") {
  FakeDns table = scene();
  table.srv["_imaps._tcp.example.com"] = {{0, "imap.example.com"}};
  table.cname["imap.example.com"] = "mx2.example.com";
  CHECK(certificate(plan_certificates(input(table, {"example.com"}, {.services = true}))) ==
        "issue mx.example.com: mx.example.com imap.example.com mx2.example.com");
}

TEST_CASE("a warning about a host is said once, however many domains lead to it") {
  FakeDns table = scene();
  table.cname["mail.example.com"] = "mx.example.com";
  table.mx["example.com"] = table.mx["example.net"] = {{10, "mail.example.com"}};
  CHECK(warnings(plan_certificates(input(table, {"example.com", "example.net"}))) == "mx_is_cname mail.example.com");
}

TEST_CASE("a certificate is due after its time, and the plan tells when it is the CA that wants it renewed") {
  PlanInput plan = with(input(scene(), {"example.com"}), {"mx.example.com"});
  plan.current.front().renew_at = now;
  plan.current.front().renew_why = "the CA wants it renewed";
  CHECK(certificate(plan_certificates(plan)) == "none mx.example.com: mx.example.com");
  plan.current.front().renew_at = now - 1s;
  const Plan due = plan_certificates(plan);
  CHECK(certificate(due) == "renew mx.example.com: mx.example.com");
  CHECK(due.certificates.front().why == "the CA wants it renewed, and it expires in 60 days");
}

TEST_CASE("a name that failed a short while ago is left out for now, and causes no order") {
  PlanInput plan = with(input(scene(), {"example.com", "second.example"}), {"mx.example.com"});
  plan.postponed = {DnsName::parse("mx2.example.com"), DnsName::parse("unrelated.example")};
  const Plan made = plan_certificates(plan);
  CHECK(certificate(made) == "none mx.example.com: mx.example.com");
  CHECK(made.certificates.front().wanted_names() == std::vector<std::string>{"mx.example.com", "mx2.example.com"});
  plan.postponed.clear();
  CHECK(certificate(plan_certificates(plan)) == "replace mx.example.com: mx.example.com mx2.example.com");
}

TEST_CASE("a name that failed is never left out when it is served, or the only one") {
  PlanInput served =
      with(input(scene(), {"example.com", "second.example"}), {"mx.example.com", "mx2.example.com"}, 24h);
  served.postponed = {DnsName::parse("mx2.example.com")};
  CHECK(certificate(plan_certificates(served)) == "renew mx.example.com: mx.example.com mx2.example.com");
  PlanInput only = input(scene(), {"example.com"});
  only.postponed = {DnsName::parse("mx.example.com")};
  CHECK(certificate(plan_certificates(only)) == "issue mx.example.com: mx.example.com");
}

TEST_CASE("a certificate keeps the name of the host that most domains use, though that is left out for now") {
  PlanInput plan = input(scene(), {"example.com", "example.net", "second.example"});
  plan.postponed = {DnsName::parse("mx.example.com")};
  CHECK(certificate(plan_certificates(plan)) == "issue mx.example.com: mx2.example.com");
}

TEST_CASE("why tells when it expires") {
  const auto why = [](std::chrono::hours left) {
    return plan_certificates(with(input(scene(), {"example.com"}), {"mx.example.com"}, left)).certificates.front().why;
  };
  CHECK(why(20 * 24h) == "it expires in 20 days");
  CHECK(why(-72h) == "it expired 3 days ago");
  CHECK(plan_certificates(with(input(scene(), {"example.com", "second.example"}), {"mx.example.com"}, 240h))
            .certificates.front()
            .why == "it lacks mx2.example.com and it expires in 10 days");
}

TEST_CASE("names that do not fit on one certificate go on further ones, and the plan says what that means") {
  PlanInput two = input(scene(), {"example.com", "example.net", "second.example"});
  two.max_names = 2;
  CHECK(certificate(plan_certificates(two)) == "issue mx.example.com: mx.example.com mx2.example.com");
  two.max_names = 1;
  const Plan plan = plan_certificates(two);
  CHECK(certificates(plan) == "issue mx.example.com: mx.example.com; issue mx2.example.com: mx2.example.com");
  CHECK(plan.certificates[0].is_default);
  CHECK_FALSE(plan.certificates[1].is_default);
  CHECK(warnings(plan) == "sni_needed mx.example.com");
  CHECK(plan.warnings.front().message ==
        "mx.example.com is the default certificate, with 1 of 2 names: senders that send no SNI, among them Postfix "
        "outside DANE, see no other");
}

TEST_CASE("per host, each host has a certificate of its own") {
  PlanInput plan_input = input(scene(), {"example.com", "second.example"});
  plan_input.pack = Pack::per_host;
  plan_input.extra_names = {DnsName::parse("imap.example.com")};
  CHECK(certificates(plan_certificates(plan_input)) ==
        "issue mx.example.com: mx.example.com imap.example.com; issue mx2.example.com: mx2.example.com");
}

TEST_CASE("each certificate is due, and lacks names, for itself") {
  PlanInput plan_input = input(scene(), {"example.com", "second.example"});
  plan_input.max_names = 1;
  plan_input.current = {
      {.name = "mx.example.com", .names = {"mx.example.com"}, .not_after = now + 240h, .renew_at = now + 1h},
      {.name = "mx2.example.com", .names = {"mx2.example.com"}, .not_after = now + 24h, .renew_at = now - 1h}};
  CHECK(certificates(plan_certificates(plan_input)) ==
        "none mx.example.com: mx.example.com; renew mx2.example.com: mx2.example.com");
}

TEST_CASE("what could not be had yet stays on the certificate that it was tried for") {
  PlanInput plan_input = input(scene(), {"example.com", "example.net", "second.example"});
  plan_input.max_names = 2;
  plan_input.current = {{.name = "old.example.com", .names = {"old.example.com"}, .not_after = now, .unplanned = true}};
  plan_input.tried = {{.name = "mx2.example.com", .desired = {"mx2.example.com"}, .is_default = false},
                      {.name = "gone.example.com", .desired = {"mx.example.com"}, .is_default = true}};
  CHECK(certificates(plan_certificates(plan_input)) ==
        "issue mx.example.com: mx.example.com; issue mx2.example.com: mx2.example.com");
}

TEST_CASE("when certificates may have fewer names, the plan says which ones leave and none is lost") {
  PlanInput plan_input =
      with(input(scene(), {"example.com", "example.net", "second.example"}), {"mx2.example.com", "mx.example.com"});
  plan_input.max_names = 1;
  const Plan plan = plan_certificates(plan_input);
  CHECK(certificates(plan) == "none mx2.example.com: mx2.example.com; issue mx.example.com: mx.example.com");
  CHECK(plan.certificates[0].moved == std::vector{DnsName::parse("mx.example.com")});
  CHECK(plan.certificates[1].moved.empty());
}

TEST_CASE("a certificate for which no name is planned is named in a warning") {
  PlanInput two = with(input(scene(), {"example.com"}), {"mx.example.com"});
  two.current.front().is_default = true;
  two.current.push_back(
      {.name = "old.example.com", .names = {"old.example.com"}, .not_after = now, .is_default = false});
  CHECK(warnings(plan_certificates(two)) == "certificate_unplanned old.example.com, name_dropped old.example.com");
  two.current.back().unplanned = true;
  CHECK(warnings(plan_certificates(two)) == "certificate_unplanned old.example.com");
}

TEST_CASE("an alias is in under its own name and the one it leads to, if that is ours too") {
  FakeDns table = scene();
  table.mx["example.com"] = {{10, "mail.example.com"}};
  table.mx["example.net"] = {{10, "mail.example.net"}};
  table.cname = {{"mail.example.com", "mx.example.com"}, {"mail.example.net", "mx.foreign.example"}};
  PlanInput plan = input(table, {"example.com", "example.net"});
  CHECK(certificate(plan_certificates(plan)) == "issue mail.example.com: mail.example.com mx.example.com");
  plan.rules.exclude.push_back(HostPattern::parse("mx.example.com"));
  CHECK(certificate(plan_certificates(plan)) == "issue mail.example.com: mail.example.com");
}

TEST_CASE("while an alias cannot be looked up the name that it led to stays") {
  FakeDns table = scene();
  table.mx["example.com"] = {{10, "mail.example.com"}};
  table.cname = {{"mail.example.com", "mx.example.com"}};
  table.servfail = {"mail.example.com"};
  const Plan plan = plan_certificates(with(input(table, {"example.com"}), {"mail.example.com", "mx.example.com"}));
  CHECK(certificate(plan) == "none mail.example.com: mail.example.com mx.example.com");
  CHECK(warnings(plan) == "name_kept mail.example.com, name_kept mx.example.com");
}

TEST_CASE("how sure the DNS was of a host comes along") {
  FakeDns table = scene();
  table.secure = {"mx.example.com"};
  const Plan plan = plan_certificates(input(table, {"example.com", "second.example"}));
  CHECK(plan.domains[0].targets.front().dnssec == dns::Security::secure);
  CHECK(plan.domains[1].targets.front().dnssec == dns::Security::insecure);
}

namespace {

/// Plans of several days in a row, each of which knows what the one before left.
struct Days {
  PlanInput rules = {.keep_for = 7 * 24h};
  std::vector<std::string> live = {"mx.example.com", "mx2.example.com"};
  NameHistories history = {};
  std::optional<Plan> plan = {};

  /// What the plan says after so many hours, `dropped` or `kept` for mx2.example.com.
  std::string after(std::chrono::hours hours, const FakeDns& table) {
    PlanInput day = with(input(table, {"example.com", "second.example"}), live);
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
  FakeDns table = scene();
  table.mx.erase("second.example");
  return table;
}
FakeDns silent_second() {
  FakeDns table = scene();
  table.servfail = {"MX second.example"};
  return table;
}

const DnsName mx2 = DnsName::parse("mx2.example.com");

}  // namespace

TEST_CASE("a name stays until it has been missing for a week, and the plan says until when") {
  Days days;
  CHECK(days.after(0h, without_second()) == "kept");
  CHECK(warnings(*days.plan) == "name_missing mx2.example.com");
  CHECK(days.plan->warnings.front().message ==
        "mx2.example.com stays in its certificate until 2026-11-30T00:00:00Z, unless it comes back: no mail domain has "
        "it as its MX host any more");
  CHECK(days.plan->certificates.front().action == Action::none);
  CHECK(days.plan->certificates.front().absent == std::vector{mx2});
  CHECK(days.after(7 * 24h - 1h, without_second()) == "kept");
  CHECK(days.history.at(mx2).absent_count == 2);
  CHECK(days.after(7 * 24h, without_second()) == "dropped");
  CHECK(warnings(*days.plan) == "name_dropped mx2.example.com");
  CHECK(days.plan->certificates.front().action == Action::none);
}

TEST_CASE("a name that comes back in between is missing anew") {
  Days days;
  days.after(0h, without_second());
  CHECK(days.after(24h, scene()) == "kept");
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
  FakeDns silent_host = scene();
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
  CHECK(excluded.after(0h, scene()) == "dropped");

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
  days.after(1h, scene());
  CHECK(days.history.empty());
}

TEST_CASE("a new name waits for the next plan that wants it, where it is said to") {
  PlanInput first = with(input(scene(), {"example.com", "second.example"}), {"mx.example.com"});
  CHECK(certificate(plan_certificates(first)) == "replace mx.example.com: mx.example.com mx2.example.com");
  first.wait_for_second_sight = true;
  const Plan plan = plan_certificates(first);
  CHECK(certificate(plan) == "none mx.example.com: mx.example.com");
  CHECK(plan.certificates.front().why ==
        "it has every name but mx2.example.com, which the next run has to see too, and it expires in 60 days");
  CHECK(plan.certificates.front().wanted_names() == std::vector<std::string>{"mx.example.com", "mx2.example.com"});
  CHECK(warnings(plan) == "name_new mx2.example.com");
  CHECK(plan.history.at(mx2).seen_since == now);

  PlanInput second = first;
  second.history = plan.history;
  CHECK(certificate(plan_certificates(second)) == "replace mx.example.com: mx.example.com mx2.example.com");
  PlanInput tried_before = first;
  tried_before.current.front().desired = {"mx.example.com", "mx2.example.com"};
  CHECK(certificate(plan_certificates(tried_before)) == "replace mx.example.com: mx.example.com mx2.example.com");
}

TEST_CASE("a new name does not wait where there is no certificate at all, or one is ordered anyway") {
  PlanInput none = input(scene(), {"example.com", "second.example"});
  none.wait_for_second_sight = true;
  CHECK(certificate(plan_certificates(none)) == "issue mx.example.com: mx.example.com mx2.example.com");
  PlanInput due = with(input(scene(), {"example.com", "second.example"}), {"mx.example.com"}, 24h);
  due.wait_for_second_sight = true;
  const Plan plan = plan_certificates(due);
  CHECK(certificate(plan) == "replace mx.example.com: mx.example.com mx2.example.com");
  CHECK(plan.certificates.front().is_due);
  CHECK(warnings(plan) == "");
}

TEST_CASE("a new name that needs a certificate of its own waits as well") {
  PlanInput full = with(input(scene(), {"example.com", "second.example"}), {"mx.example.com"});
  full.max_names = 1;
  full.wait_for_second_sight = true;
  const Plan plan = plan_certificates(full);
  CHECK(certificate(plan) == "none mx.example.com: mx.example.com");
  CHECK(warnings(plan) == "name_new mx2.example.com");
  full.history = plan.history;
  CHECK(certificates(plan_certificates(full)) ==
        "none mx.example.com: mx.example.com; issue mx2.example.com: mx2.example.com");
}

TEST_CASE("a new name that cannot be looked up is not forgotten; one that goes again is") {
  PlanInput first = with(input(scene(), {"example.com", "second.example"}), {"mx.example.com"});
  first.wait_for_second_sight = true;
  const NameHistories seen = plan_certificates(first).history;
  PlanInput silent = with(input(silent_second(), {"example.com", "second.example"}), {"mx.example.com"});
  silent.history = seen;
  CHECK(plan_certificates(silent).history == seen);
  PlanInput gone = with(input(without_second(), {"example.com", "second.example"}), {"mx.example.com"});
  gone.history = seen;
  CHECK(plan_certificates(gone).history.empty());
}
