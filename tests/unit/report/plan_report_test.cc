#include "report/plan_report.h"

#include <nlohmann/json.hpp>

#include "catch.h"
#include "mx/plan_scene.h"

using namespace mxcert;
using namespace mxcert::report;
using dns::DnsName;
using dns::IpAddress;
using test::FakeDns;
using test::make_plan_input;

namespace {

std::string json_of(const mx::Plan& plan) {
  std::string text;
  write_plan_json(plan, {}, [&](std::string_view piece) { text += piece; });
  return text;
}

mx::Plan small_plan() {
  return mx::plan_certificates(make_plan_input({.mx = {{"example.com", {{10, "mx.example.com"}}},
                                                       {"example.net", {{10, "mx.example.com"}}},
                                                       {"example.org", {{10, "mx.example.com"}}}},
                                                .addresses = {{"mx.example.com", {"192.0.2.1", "2001:db8::1"}}}},
                                               {"example.com", "example.net", "example.org"}));
}

mx::Plan mixed_plan() {
  mx::PlanInput mixed = make_plan_input(
      {.mx = {{"example.com", {{10, "mx.example.com"}, {20, "backup.example.net"}}},
              {"xn--bcher-kva.example", {{10, "mx.xn--bcher-kva.example"}}},
              {"partly.example", {{10, "mx.partly.example"}}},
              {"broken.example", {{10, "mx.broken.example"}}},
              {"typo.example", {{10, "mx.gone.example"}}},
              {"null.example", {{0, "."}}},
              {"alias.example", {{10, "mail.alias.example"}}}},
       .addresses = {{"mx.example.com", {"192.0.2.1", "2001:db8::1"}},
                     {"backup.example.net", {"198.51.100.1"}},
                     {"mx.xn--bcher-kva.example", {"192.0.2.1"}},
                     {"mx.partly.example", {"192.0.2.1", "198.51.100.7"}},
                     {"implicit.example", {"192.0.2.1"}}},
       .cname = {{"mail.alias.example", "mx.example.com"}},
       .servfail = {"mx.broken.example", "lame.example"},
       .bogus = {"signed.example"}},
      {"example.com", "bücher.example", "partly.example", "broken.example", "typo.example", "null.example",
       "implicit.example", "alias.example", "gone.example", "lame.example", "signed.example"});
  mixed.current = {test::make_current({"mx.example.com", "old.example.com"})};
  return mx::plan_certificates(mixed);
}

}  // namespace

TEST_CASE("a small plan as text") {
  CHECK("\n" + plan_to_text(small_plan(), {}) == R"(
ours: 192.0.2.1 and 2001:db8::1 are this host's
  mx.example.com  for example.com, example.net, example.org

certificate mx.example.com
  to do  issue: there is no certificate yet
  names  mx.example.com
)");
}

TEST_CASE("a mixed plan as text: every name, and why") {
  CHECK("\n" + plan_to_text(mixed_plan(), {}) == R"(
ours: 192.0.2.1 and 2001:db8::1 are this host's
  mail.alias.example  for alias.example
  mx.example.com      for example.com

ours: 192.0.2.1 is this host's
  implicit.example    for itself (it has no MX record)
  mx.bücher.example   (mx.xn--bcher-kva.example)
                      for bücher.example (xn--bcher-kva.example)

partly ours: 192.0.2.1 is this host's, but 198.51.100.7 is not
  mx.partly.example   for partly.example

unknown: could not be looked up (A: the DNS answers SERVFAIL)
  mx.broken.example   for broken.example

unresolvable: does not exist in the DNS
  mx.gone.example     for typo.example

foreign: 198.51.100.1 is not this host's
  backup.example.net  for example.com

no MX host: has a null MX: it takes no mail
  null.example

no MX host: does not exist in the DNS
  gone.example

no MX host: could not be looked up (MX: the DNS answers SERVFAIL)
  lame.example

no MX host: fails DNSSEC validation (MX: signature expired)
  signed.example

certificate mx.example.com
  to do  replace: it lacks implicit.example, mail.alias.example,
         mx.bücher.example
  names  mx.example.com, implicit.example, mail.alias.example,
         mx.bücher.example, old.example.com

warning:  mail.alias.example is in an MX record, but is an alias (CNAME) of
          mx.example.com: some senders expect mx.example.com in the certificate;
          name mx.example.com in the MX record, or give mail.alias.example
          addresses of its own
warning:  mx.partly.example is left out: 192.0.2.1 is this host's, but
          198.51.100.7 is not, and the CA may look for the answer to its
          challenge on any of them; use dns-01 for it, or list the others as
          hosts.addresses if they lead here too, or take them out of the DNS
warning:  old.example.com stays in the certificate: lame.example may lead to it,
          but could not be looked up
)");
}

TEST_CASE("a mixed plan on a wide terminal") {
  CHECK("\n" + plan_to_text(mixed_plan(), {.width = 160}) == R"(
ours: 192.0.2.1 and 2001:db8::1 are this host's
  mail.alias.example  for alias.example
  mx.example.com      for example.com

ours: 192.0.2.1 is this host's
  implicit.example    for itself (it has no MX record)
  mx.bücher.example   (mx.xn--bcher-kva.example)
                      for bücher.example (xn--bcher-kva.example)

partly ours: 192.0.2.1 is this host's, but 198.51.100.7 is not
  mx.partly.example   for partly.example

unknown: could not be looked up (A: the DNS answers SERVFAIL)
  mx.broken.example   for broken.example

unresolvable: does not exist in the DNS
  mx.gone.example     for typo.example

foreign: 198.51.100.1 is not this host's
  backup.example.net  for example.com

no MX host: has a null MX: it takes no mail
  null.example

no MX host: does not exist in the DNS
  gone.example

no MX host: could not be looked up (MX: the DNS answers SERVFAIL)
  lame.example

no MX host: fails DNSSEC validation (MX: signature expired)
  signed.example

certificate mx.example.com
  to do  replace: it lacks implicit.example, mail.alias.example, mx.bücher.example
  names  mx.example.com, implicit.example, mail.alias.example, mx.bücher.example, old.example.com

warning:  mail.alias.example is in an MX record, but is an alias (CNAME) of mx.example.com: some senders expect mx.example.com in the certificate; name
          mx.example.com in the MX record, or give mail.alias.example addresses of its own
warning:  mx.partly.example is left out: 192.0.2.1 is this host's, but 198.51.100.7 is not, and the CA may look for the answer to its challenge on any of them;
          use dns-01 for it, or list the others as hosts.addresses if they lead here too, or take them out of the DNS
warning:  old.example.com stays in the certificate: lame.example may lead to it, but could not be looked up
)");
}

mx::Plan plan_with_services() {
  FakeDns table{.mx = {{"example.com", {{10, "mx.example.com"}}}, {"example.net", {{10, "mx.example.com"}}}},
                .addresses = {{"mx.example.com", {"192.0.2.1"}}, {"imap.example.com", {"192.0.2.1"}}}};
  for (const char* domain : {"example.com", "example.net"}) {
    table.srv[std::string("_imaps._tcp.") + domain] = {{0, "imap.example.com"}};
    table.srv[std::string("_submission._tcp.") + domain] = {{0, "imap.example.com"}};
  }
  table.srv["_pop3s._tcp.example.net"] = {{0, "mx.example.com"}};
  table.srv["_pop3._tcp.example.net"] = {{0, "."}};
  table.servfail = {"SRV _imap._tcp.example.net"};
  return mx::plan_certificates(make_plan_input(table, {"example.com", "example.net"}, {.services = true}));
}

TEST_CASE("a plan with services as text") {
  CHECK("\n" + plan_to_text(plan_with_services(), {}) == R"(
ours: 192.0.2.1 is this host's
  imap.example.com  _submission._tcp, _imaps._tcp of example.com, example.net
  mx.example.com    for example.com, example.net
                    _pop3s._tcp of example.net

certificate mx.example.com
  to do  issue: there is no certificate yet
  names  mx.example.com, imap.example.com

warning:  example.net has a service _imap._tcp that could not be looked up (SRV:
          the DNS answers SERVFAIL): nothing is added or dropped for it
)");
}

TEST_CASE("a plan with services as JSON") {
  const auto document = nlohmann::json::parse(json_of(plan_with_services()));
  std::string found;
  for (const auto& service : document["domains"][1]["services"]) {
    found += service["service"].get<std::string>() + " " + service["status"].get<std::string>();
    for (const auto& target : service["targets"])
      found += " " + target["host"].get<std::string>() + "=" + target["owner"].get<std::string>();
    found += ": " + service["reason"].get<std::string>() + "\n";
  }
  CHECK(found == R"(_submission._tcp ok imap.example.com=ours: 
_imap._tcp temporary: could not be looked up (SRV: the DNS answers SERVFAIL)
_imaps._tcp ok imap.example.com=ours: 
_pop3._tcp ok: is not offered
_pop3s._tcp ok mx.example.com=ours: 
)");
}

/// What a mail host meets after some years.
mx::Plan plan_of_thirty_domains() {
  FakeDns table{.mx = {{"mueller.example", {{10, "mx.mueller.example"}}},
                       {"schmidt.example", {{10, "mx.schmidt.example"}}},
                       {"xn--bcher-kva.example", {{10, "mx.xn--bcher-kva.example"}}},
                       {"old.example", {{10, "mail.old.example"}}},
                       {"cluster.example", {{10, "mx.cluster.example"}}},
                       {"moved.example", {{10, "aspmx.l.big.example"}, {20, "alt.l.big.example"}}},
                       {"gone-elsewhere.example", {{10, "aspmx.l.big.example"}}},
                       {"halfway.example", {{10, "mx.halfway.example"}}},
                       {"typo.example", {{10, "mx.exmaple.com"}}},
                       {"literal.example", {{10, "192.0.2.1"}}},
                       {"broken.example", {{10, "mx.broken.example"}}},
                       {"parked.example", {{0, "."}}},
                       {"parked-too.example", {{0, "."}}},
                       {"parked-as-well.example", {{0, "."}}}},
                .addresses = {{"mx.example.com", {"192.0.2.1", "2001:db8::1"}},
                              {"backup.example.net", {"198.51.100.25"}},
                              {"mx.mueller.example", {"192.0.2.1", "2001:db8::1"}},
                              {"mx.schmidt.example", {"192.0.2.1", "2001:db8::1"}},
                              {"mx.xn--bcher-kva.example", {"192.0.2.1"}},
                              {"small.example", {"192.0.2.1"}},
                              {"mx.cluster.example", {"192.0.2.1", "192.0.2.2"}},
                              {"aspmx.l.big.example", {"203.0.113.5"}},
                              {"alt.l.big.example", {"203.0.113.6"}},
                              {"mx.halfway.example", {"192.0.2.1", "203.0.113.80"}}},
                .cname = {{"mail.old.example", "mx.example.com"}},
                .exists = {"web-only.example"},
                .servfail = {"mx.broken.example", "lame.example"},
                .bogus = {"signed.example"}};
  std::vector<std::string> domains{"example.com", "example.net", "example.org"};
  for (const char* shop : {"baker", "butcher", "carpenter", "florist", "joiner", "plumber", "tailor"})
    domains.push_back(std::string(shop) + ".example");
  for (const std::string& domain : domains)
    table.mx[domain] = {{10, "mx.example.com"}, {20, "backup.example.net"}};
  for (const char* domain :
       {"mueller.example",  "schmidt.example", "bücher.example",         "old.example",        "small.example",
        "cluster.example",  "moved.example",   "gone-elsewhere.example", "halfway.example",    "typo.example",
        "literal.example",  "broken.example",  "parked.example",         "parked-too.example", "parked-as-well.example",
        "web-only.example", "expired.example", "lame.example",           "signed.example",     "expired-too.example"})
    domains.push_back(domain);
  mx::PlanInput plan = make_plan_input(table, domains);
  plan.rules.siblings = {IpAddress::parse("192.0.2.2")};
  plan.needs_all_addresses = [](const DnsName& host) { return host.ascii() != "mx.cluster.example"; };
  return mx::plan_certificates(plan);
}

TEST_CASE("a plan for thirty domains on a narrow terminal") {
  REQUIRE(plan_of_thirty_domains().domains.size() == 30);
  CHECK("\n" + plan_to_text(plan_of_thirty_domains(), {}) == R"(
ours: 192.0.2.1 and 2001:db8::1 are this host's
  mail.old.example     for old.example
  mx.example.com       for example.com, example.net, example.org, baker.example,
                       butcher.example, carpenter.example, florist.example,
                       joiner.example, plumber.example, tailor.example
  mx.mueller.example   for mueller.example
  mx.schmidt.example   for schmidt.example

ours: 192.0.2.1 is this host's
  mx.bücher.example    (mx.xn--bcher-kva.example)
                       for bücher.example (xn--bcher-kva.example)
  small.example        for itself (it has no MX record)

sibling: 192.0.2.1 is this host's, 192.0.2.2 is a sibling's
  mx.cluster.example   for cluster.example

partly ours: 192.0.2.1 is this host's, but 203.0.113.80 is not
  mx.halfway.example   for halfway.example

unknown: could not be looked up (A: the DNS answers SERVFAIL)
  mx.broken.example    for broken.example

unresolvable: does not exist in the DNS
  mx.exmaple.com       for typo.example

unresolvable: is an address, not a host name
  192.0.2.1            for literal.example

foreign: 198.51.100.25 is not this host's
  backup.example.net   for example.com, example.net, example.org, baker.example,
                       butcher.example, carpenter.example, florist.example,
                       joiner.example, plumber.example, tailor.example

foreign: 203.0.113.5 is not this host's
  aspmx.l.big.example  for moved.example, gone-elsewhere.example

foreign: 203.0.113.6 is not this host's
  alt.l.big.example    for moved.example

no MX host: has a null MX: it takes no mail
  parked.example, parked-too.example, parked-as-well.example

no MX host: has neither MX records nor an address
  web-only.example

no MX host: does not exist in the DNS
  expired.example, expired-too.example

no MX host: could not be looked up (MX: the DNS answers SERVFAIL)
  lame.example

no MX host: fails DNSSEC validation (MX: signature expired)
  signed.example

certificate mx.example.com
  to do  issue: there is no certificate yet
  names  mx.example.com, mail.old.example, mx.cluster.example,
         mx.mueller.example, mx.schmidt.example, mx.bücher.example,
         small.example

warning:  mail.old.example is in an MX record, but is an alias (CNAME) of
          mx.example.com: some senders expect mx.example.com in the certificate;
          name mx.example.com in the MX record, or give mail.old.example
          addresses of its own
warning:  192.0.2.1 is in an MX record, but is an address, not a host name: most
          senders cannot use it
warning:  mx.halfway.example is left out: 192.0.2.1 is this host's, but
          203.0.113.80 is not, and the CA may look for the answer to its
          challenge on any of them; use dns-01 for it, or list the others as
          hosts.addresses if they lead here too, or take them out of the DNS
)");
}

TEST_CASE("a plan for thirty domains on a wide terminal") {
  CHECK("\n" + plan_to_text(plan_of_thirty_domains(), {.width = 160}) == R"(
ours: 192.0.2.1 and 2001:db8::1 are this host's
  mail.old.example     for old.example
  mx.example.com       for example.com, example.net, example.org, baker.example, butcher.example, carpenter.example, florist.example, joiner.example,
                       plumber.example, tailor.example
  mx.mueller.example   for mueller.example
  mx.schmidt.example   for schmidt.example

ours: 192.0.2.1 is this host's
  mx.bücher.example    (mx.xn--bcher-kva.example)
                       for bücher.example (xn--bcher-kva.example)
  small.example        for itself (it has no MX record)

sibling: 192.0.2.1 is this host's, 192.0.2.2 is a sibling's
  mx.cluster.example   for cluster.example

partly ours: 192.0.2.1 is this host's, but 203.0.113.80 is not
  mx.halfway.example   for halfway.example

unknown: could not be looked up (A: the DNS answers SERVFAIL)
  mx.broken.example    for broken.example

unresolvable: does not exist in the DNS
  mx.exmaple.com       for typo.example

unresolvable: is an address, not a host name
  192.0.2.1            for literal.example

foreign: 198.51.100.25 is not this host's
  backup.example.net   for example.com, example.net, example.org, baker.example, butcher.example, carpenter.example, florist.example, joiner.example,
                       plumber.example, tailor.example

foreign: 203.0.113.5 is not this host's
  aspmx.l.big.example  for moved.example, gone-elsewhere.example

foreign: 203.0.113.6 is not this host's
  alt.l.big.example    for moved.example

no MX host: has a null MX: it takes no mail
  parked.example, parked-too.example, parked-as-well.example

no MX host: has neither MX records nor an address
  web-only.example

no MX host: does not exist in the DNS
  expired.example, expired-too.example

no MX host: could not be looked up (MX: the DNS answers SERVFAIL)
  lame.example

no MX host: fails DNSSEC validation (MX: signature expired)
  signed.example

certificate mx.example.com
  to do  issue: there is no certificate yet
  names  mx.example.com, mail.old.example, mx.cluster.example, mx.mueller.example, mx.schmidt.example, mx.bücher.example, small.example

warning:  mail.old.example is in an MX record, but is an alias (CNAME) of mx.example.com: some senders expect mx.example.com in the certificate; name
          mx.example.com in the MX record, or give mail.old.example addresses of its own
warning:  192.0.2.1 is in an MX record, but is an address, not a host name: most senders cannot use it
warning:  mx.halfway.example is left out: 192.0.2.1 is this host's, but 203.0.113.80 is not, and the CA may look for the answer to its challenge on any of them;
          use dns-01 for it, or list the others as hosts.addresses if they lead here too, or take them out of the DNS
)");
}

TEST_CASE("a plan without names says so") {
  const mx::Plan plan = mx::plan_certificates(make_plan_input({}, {"gone.example"}));
  CHECK("\n" + plan_to_text(plan, {}) == R"(
no MX host: does not exist in the DNS
  gone.example

no certificate: no MX host is this one
)");
}

TEST_CASE("a small plan as JSON, schema version 1") {
  const auto document = nlohmann::json::parse(json_of(small_plan()));
  CHECK(document["version"] == 1);
  CHECK(document["domains"].size() == 3);
  CHECK(document["domains"][0] == nlohmann::json::parse(R"({
    "domain": "example.com", "ascii": "example.com", "source": "config", "sources": ["config"], "status": "ok", "dnssec": "insecure",
    "reason": "",
    "targets": [ { "host": "mx.example.com", "preference": 10, "implicit": false, "owner": "ours",
                   "addresses": ["192.0.2.1", "2001:db8::1"], "dnssec": "insecure", "canonical": null,
                   "reason": "192.0.2.1 and 2001:db8::1 are this host's" } ], "services": [] })"));
  CHECK(document["certificates"] == nlohmann::json::parse(R"([
    { "name": "mx.example.com", "default": true, "names": ["mx.example.com"], "action": "issue", "why": "there is no certificate yet",
      "not_after": null } ])"));
  CHECK(document["warnings"] == nlohmann::json::array());
}

TEST_CASE("a plan's JSON is indented as any other, whatever its lists hold") {
  for (const mx::Plan& plan : {mx::Plan{}, small_plan(), mixed_plan()}) {
    const std::string text = json_of(plan);
    CHECK(text == nlohmann::ordered_json::parse(text).dump(2) + "\n");
  }
}

TEST_CASE("a plan of any size is written whole") {
  mx::Plan plan = small_plan();
  plan.domains.resize(3'000, plan.domains.front());
  CHECK(nlohmann::json::parse(json_of(plan))["domains"].size() == 3'000);
}

TEST_CASE("a mixed plan as JSON") {
  const auto document = nlohmann::json::parse(json_of(mixed_plan()));
  std::map<std::string, std::string> statuses;
  std::map<std::string, std::string> owners;
  for (const auto& domain : document["domains"]) {
    statuses[domain["ascii"]] = domain["status"];
    for (const auto& target : domain["targets"])
      owners[target["host"]] = target["owner"];
  }
  CHECK(statuses == std::map<std::string, std::string>{{"example.com", "ok"},
                                                       {"xn--bcher-kva.example", "ok"},
                                                       {"partly.example", "ok"},
                                                       {"broken.example", "ok"},
                                                       {"typo.example", "ok"},
                                                       {"null.example", "null_mx"},
                                                       {"implicit.example", "ok"},
                                                       {"alias.example", "ok"},
                                                       {"gone.example", "nxdomain"},
                                                       {"lame.example", "temporary"},
                                                       {"signed.example", "bogus"}});
  CHECK(owners == std::map<std::string, std::string>{{"mx.example.com", "ours"},
                                                     {"backup.example.net", "foreign"},
                                                     {"mx.xn--bcher-kva.example", "ours"},
                                                     {"mx.partly.example", "partly_ours"},
                                                     {"mx.broken.example", "unknown"},
                                                     {"mx.gone.example", "unresolvable"},
                                                     {"implicit.example", "ours"},
                                                     {"mail.alias.example", "ours"}});
  CHECK(document["domains"][1]["domain"] == "bücher.example");
  CHECK(document["domains"][10]["dnssec"] == "bogus");
  CHECK(document["domains"][7]["targets"][0]["canonical"] == "mx.example.com");
  CHECK(document["domains"][6]["targets"][0]["implicit"] == true);
  const auto& certificate = document["certificates"][0];
  CHECK(certificate["action"] == "replace");
  CHECK(certificate["names"] == nlohmann::json({"mx.example.com", "implicit.example", "mail.alias.example",
                                                "mx.xn--bcher-kva.example", "old.example.com"}));
  CHECK(certificate["not_after"] == "2027-01-22T00:00:00Z");
  for (const auto& warning : document["warnings"]) {
    CHECK_FALSE(warning["code"].get<std::string>().empty());
    CHECK_FALSE(warning["subject"].get<std::string>().empty());
    CHECK_FALSE(warning["message"].get<std::string>().empty());
  }
}

TEST_CASE("colours only when told") {
  CHECK_THAT(plan_to_text(mixed_plan(), {}), !ContainsSubstring("\x1b"));
  CHECK_THAT(plan_to_text(mixed_plan(), {.color = true}), ContainsSubstring("\x1b[32mours: 192.0.2.1"));
}
