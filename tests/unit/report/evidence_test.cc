#include "report/evidence.h"

#include <nlohmann/json.hpp>

#include "catch.h"
#include "mx/plan_scene.h"

using namespace mxcert;
using namespace mxcert::report;
using dns::DnsName;
using dns::IpAddress;
using test::FakeDns;
using test::FakeResolver;

namespace {

FakeDns scene() {
  return {.mx = {{"example.com", {{10, "mx.example.com"}, {20, "backup.example.net"}}},
                 {"example.net", {{10, "mx.example.com"}}},
                 {"alias.example", {{10, "mail.alias.example"}}},
                 {"null.example", {{0, "."}}},
                 {"partly.example", {{10, "mx.partly.example"}}}},
          .srv = {{"_imaps._tcp.example.com", {{0, "imap.example.com"}}}, {"_pop3s._tcp.example.com", {{0, "."}}}},
          .addresses = {{"mx.example.com", {"192.0.2.1", "2001:db8::1"}},
                        {"imap.example.com", {"192.0.2.1"}},
                        {"canonical.example", {"192.0.2.1"}},
                        {"implicit.example", {"192.0.2.1"}},
                        {"mx.partly.example", {"192.0.2.1", "198.51.100.7"}},
                        {"backup.example.net", {"198.51.100.1"}}},
          .cname = {{"mail.alias.example", "canonical.example"}},
          .servfail = {"lame.example"},
          .secure = {"example.com", "mx.example.com"}};
}

struct Scene {
  std::vector<DnsName> extra_names = {DnsName::parse("extra.example.com")};
  mx::Plan plan = make();

  mx::Plan make() const {
    FakeResolver resolver(scene());
    std::vector<mx::MailDomain> domains;
    for (const char* domain : {"example.com", "example.net", "alias.example", "null.example", "implicit.example",
                               "partly.example", "lame.example"})
      domains.push_back({DnsName::parse(domain), "config", {"exim"}});
    mx::PlanInput input{.lookups = find_mx_targets(resolver, domains, {.services = true}),
                        .rules = {.local_addresses = {IpAddress::parse("192.0.2.1"), IpAddress::parse("2001:db8::1")}},
                        .extra_names = extra_names,
                        .current = {test::make_current({"mx.example.com", "old.example.com"})},
                        .now = test::plan_time};
    input.postponed = {DnsName::parse("implicit.example")};
    return mx::plan_certificates(input);
  }
  Evidence find(const std::string& name) const { return find_evidence(plan, extra_names, DnsName::parse(name)); }
  std::string text(const std::string& name) const { return "\n" + evidence_to_text(find(name), {}); }
};

}  // namespace

TEST_CASE("a domain is explained with its sources, its records, and each of its hosts") {
  CHECK(Scene().text("example.com") == R"(
example.com
  mail domain  from config, exim
  MX           secure
               10 mx.example.com
               20 backup.example.net
  SRV          _imaps._tcp, insecure
               0 imap.example.com
  SRV          _pop3s._tcp is not offered (insecure)

mx.example.com
  named by     example.com (MX 10, secure)
               example.net (MX 10, insecure)
  addresses    192.0.2.1, 2001:db8::1 (secure)
  whose        ours: 192.0.2.1 and 2001:db8::1 are this host's
  certificate  mx.example.com, since 192.0.2.1 and 2001:db8::1 are this host's
  to do        replace: it lacks canonical.example, extra.example.com,
               imap.example.com, mail.alias.example

backup.example.net
  named by     example.com (MX 20, secure)
  addresses    198.51.100.1 (insecure)
  whose        foreign: 198.51.100.1 is not this host's
  certificate  on none: 198.51.100.1 is not this host's

imap.example.com
  named by     example.com (_imaps._tcp 0, insecure)
  addresses    192.0.2.1 (insecure)
  whose        ours: 192.0.2.1 is this host's
  certificate  mx.example.com, since 192.0.2.1 is this host's
  to do        replace: it lacks canonical.example, extra.example.com,
               imap.example.com, mail.alias.example
)");
}

TEST_CASE("a host that is no mail domain is explained by itself") {
  Scene scene;
  Evidence evidence = scene.find("mail.alias.example");
  CHECK(evidence.domain == nullptr);
  REQUIRE(evidence.hosts.size() == 1);
  HostEvidence& host = evidence.hosts.front();
  host.served = {{"mx.example.com", "0003", test::plan_time}};
  host.caa = {CaaVerdict::Status::forbidden, "the records of alias.example allow no CA", "publish another"};
  host.failure = {"rejected", "ask again", test::plan_time, test::plan_time + std::chrono::hours{1}};
  CHECK("\n" + evidence_to_text(evidence, {}) == R"(
mail.alias.example
  named by     alias.example (MX 10, insecure)
  addresses    192.0.2.1 (insecure)
  alias of     canonical.example
  whose        ours: 192.0.2.1 is this host's
  certificate  mx.example.com, since 192.0.2.1 is this host's
  to do        replace: it lacks canonical.example, extra.example.com,
               imap.example.com, mail.alias.example
  stored on    mx.example.com version 0003, valid until 2026-11-23T00:00:00Z
  CAA          the records of alias.example allow no CA
               publish another
  failure      refused at 2026-11-23T00:00:00Z: rejected
               renew does not try it again before 2026-11-23T01:00:00Z, issue
               does
               ask again
  warning      mail.alias.example is in an MX record, but is an alias (CNAME) of
               canonical.example: some senders expect canonical.example in the
               certificate; name canonical.example in the MX record, or give
               mail.alias.example addresses of its own
)");
}

TEST_CASE("where an alias leads to, an extra name, and what is kept or left out: each with its reason") {
  const Scene scene;
  const auto verdict = [&](const char* name) { return describe_verdict(scene.find(name).hosts.at(0)); };
  CHECK(verdict("canonical.example") == "mx.example.com, since its alias mail.alias.example leads here");
  CHECK(verdict("extra.example.com") == "mx.example.com, since certificate.extra_names lists it");
  CHECK(verdict("old.example.com") == "mx.example.com, which has had it");
  CHECK(verdict("implicit.example") == "mx.example.com, but not ordered now, since 192.0.2.1 is this host's");
  CHECK(verdict("mx.partly.example") == "on none: 192.0.2.1 is this host's, but 198.51.100.7 is not");
  CHECK(scene.find("old.example.com").hosts.at(0).warnings.at(0).code == "name_kept");
  CHECK(scene.find("mx.partly.example").hosts.at(0).warnings.at(0).code == "partly_ours");
}

TEST_CASE("a domain that is its own host is explained as both") {
  const Evidence evidence = Scene().find("implicit.example");
  CHECK(evidence.domain != nullptr);
  REQUIRE(evidence.hosts.size() == 1);
  CHECK(evidence.hosts.front().host.ascii() == "implicit.example");
}

TEST_CASE("a domain without hosts says why") {
  CHECK(Scene().text("null.example") == R"(
null.example
  mail domain  from config, exim
  MX           has a null MX: it takes no mail (insecure)
)");
  CHECK(Scene().text("lame.example") == R"(
lame.example
  mail domain  from config, exim
  MX           could not be looked up (MX: the DNS answers SERVFAIL) (insecure)
  warning      lame.example could not be looked up (MX: the DNS answers
               SERVFAIL): nothing is added or dropped for it
)");
}

TEST_CASE("of what nobody names nothing is known") {
  const Evidence evidence = Scene().find("unheard.example");
  CHECK(evidence.domain == nullptr);
  CHECK(evidence.hosts.empty());
}

TEST_CASE("the evidence as JSON, schema version 1") {
  const auto document = nlohmann::json::parse(evidence_to_json(Scene().find("example.com")));
  CHECK(document["version"] == 1);
  CHECK(document["ascii"] == "example.com");
  CHECK(document["domain"]["sources"] == nlohmann::json({"config", "exim"}));
  CHECK(document["hosts"].size() == 3);
  auto host = document["hosts"][0];
  CHECK(host["target"]["owner"] == "ours");
  host.erase("target");
  host.erase("why");
  CHECK(host == nlohmann::json::parse(R"({
    "host": "mx.example.com",
    "named_by": [ { "domain": "example.com", "record": "MX", "preference": 10, "dnssec": "secure", "alias": null },
                  { "domain": "example.net", "record": "MX", "preference": 10, "dnssec": "insecure", "alias": null } ],
    "extra_name": false, "certificate": "mx.example.com", "postponed": false, "action": "replace", "stored_on": [],
    "caa": { "status": "not_asked", "message": "", "hint": "" }, "failure": null, "certificate_failure": null,
    "warnings": [] })"));
  CHECK(document["hosts"][1]["certificate"] == nullptr);
  const auto host_only = nlohmann::json::parse(evidence_to_json(Scene().find("canonical.example")));
  CHECK(host_only["domain"] == nullptr);
  CHECK(host_only["hosts"][0]["target"] == nullptr);
  CHECK(host_only["hosts"][0]["named_by"][0]["alias"] == "mail.alias.example");
}

TEST_CASE("of a host that very many domains lead to the first are shown") {
  Scene scene;
  scene.plan.domains.resize(500, scene.plan.domains.front());
  CHECK_THAT(scene.text("mx.example.com"), ContainsSubstring("and 475 more\n"));
}
