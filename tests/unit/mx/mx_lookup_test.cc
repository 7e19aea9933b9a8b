#include "mx/mx_lookup.h"

#include "catch.h"
#include "dns/fake_resolver.h"

using namespace mxcert;
using namespace mxcert::mx;
using dns::AnswerStatus;
using dns::DnsName;
using dns::Security;
using test::FakeDns;
using test::FakeResolver;

namespace {

std::vector<MxLookup> look_up(FakeResolver& resolver, const std::vector<std::string>& names) {
  std::vector<MailDomain> domains;
  for (const std::string& name : names)
    domains.push_back({DnsName::parse(name), "config"});
  return find_mx_targets(resolver, domains);
}

MxLookup look_up(FakeDns table, const std::string& name = "example.com") {
  FakeResolver resolver(std::move(table));
  return look_up(resolver, {name}).front();
}

/// `10 mx.example.com, 20 …`, with what the address lookup came to where it is not ok.
std::string targets(const MxLookup& lookup) {
  std::string text;
  for (const MxTarget& target : lookup.targets) {
    if (!text.empty()) text += ", ";
    text += target.implicit ? "implicit " : std::to_string(target.preference) + " ";
    text += target.host.ascii();
    if (target.lookup.status != AnswerStatus::ok) text += " " + std::string(to_string(target.lookup.status));
  }
  return text;
}

std::string codes(const MxLookup& lookup) {
  std::string text;
  for (const Warning& warning : lookup.warnings)
    text += (text.empty() ? "" : " ") + warning.code;
  return text;
}

}  // namespace

TEST_CASE("what the DNS says decides the status, the targets and the warnings") {
  struct Row {
    const char* rule;
    FakeDns table;
    const char* status;
    const char* targets;
    const char* warnings;
  };
  const std::vector<Row> rows = {
      {"every preference counts, lowest first, then by name",
       {.mx = {{"example.com", {{20, "b.example.com"}, {10, "z.example.com"}, {20, "a.example.com"}}}},
        .addresses = {{"a.example.com", {"192.0.2.1"}},
                      {"b.example.com", {"192.0.2.1"}},
                      {"z.example.com", {"2001:db8::1"}}}},
       "ok",
       "10 z.example.com, 20 a.example.com, 20 b.example.com",
       ""},
      {"no MX but an address: the domain itself",
       {.addresses = {{"example.com", {"2001:db8::1"}}}},
       "ok",
       "implicit example.com",
       ""},
      {"if there is an MX the domain's own address does not count",
       {.mx = {{"example.com", {{10, "mx.example.net"}}}}, .addresses = {{"example.com", {"192.0.2.1"}}}},
       "ok",
       "10 mx.example.net nxdomain",
       "mx_without_address"},
      {"null MX",
       {.mx = {{"example.com", {{0, "."}}}}, .addresses = {{"example.com", {"192.0.2.1"}}}},
       "null_mx",
       "",
       ""},
      {"null MX beside another one is ignored, with a warning",
       {.mx = {{"example.com", {{0, "."}, {10, "mx.example.com"}}}}, .addresses = {{"mx.example.com", {"192.0.2.1"}}}},
       "ok",
       "10 mx.example.com",
       "null_mx_with_others"},
      {"a name with other records takes no mail", {.exists = {"example.com"}}, "no_mail", "", ""},
      {"so does one with nothing but names below it",
       {.addresses = {{"www.example.com", {"192.0.2.1"}}}},
       "no_mail",
       "",
       ""},
      {"no such name", {}, "nxdomain", "", ""},
      {"SERVFAIL for the MX",
       {.addresses = {{"example.com", {"192.0.2.1"}}}, .servfail = {"MX example.com"}},
       "temporary",
       "",
       ""},
      {"SERVFAIL for the implicit MX's only possible address",
       {.exists = {"example.com"}, .servfail = {"A example.com"}},
       "temporary",
       "",
       ""},
      {"SERVFAIL for one family of the implicit MX: a target, but not known whose",
       {.addresses = {{"example.com", {"192.0.2.1"}}}, .servfail = {"AAAA example.com"}},
       "ok",
       "implicit example.com temporary",
       ""},
      {"bogus MX", {.mx = {{"example.com", {{10, "mx.example.com"}}}}, .bogus = {"MX example.com"}}, "bogus", "", ""},
      {"bogus address of the implicit MX", {.exists = {"example.com"}, .bogus = {"AAAA example.com"}}, "bogus", "", ""},
      {"bogus outdoes SERVFAIL",
       {.exists = {"example.com"}, .servfail = {"A example.com"}, .bogus = {"AAAA example.com"}},
       "bogus",
       "",
       ""},
      {"an alias is followed to its target's MX",
       {.mx = {{"example.net", {{10, "mx.example.net"}}}},
        .addresses = {{"mx.example.net", {"192.0.2.1"}}},
        .cname = {{"example.com", "example.net"}}},
       "ok",
       "10 mx.example.net",
       "domain_is_cname"},
      {"an alias of a name with an address only is its own target",
       {.addresses = {{"www.example.net", {"192.0.2.1"}}}, .cname = {{"example.com", "www.example.net"}}},
       "ok",
       "implicit example.com",
       "domain_is_cname"},
      {"an alias of nothing does not exist",
       {.cname = {{"example.com", "gone.example.net"}}},
       "nxdomain",
       "",
       "domain_is_cname"},
      {"an alias of itself never ends", {.cname = {{"example.com", "example.com"}}}, "temporary", "", ""},
      {"a target that is an alias keeps its name",
       {.mx = {{"example.com", {{10, "mail.example.com"}}}},
        .addresses = {{"mx.example.com", {"192.0.2.1"}}},
        .cname = {{"mail.example.com", "mx.example.com"}}},
       "ok",
       "10 mail.example.com",
       "mx_is_cname"},
      {"a target without address",
       {.mx = {{"example.com", {{10, "mx.example.com"}}}}, .exists = {"mx.example.com"}},
       "ok",
       "10 mx.example.com nodata",
       "mx_without_address"},
      {"a target whose lookup fails",
       {.mx = {{"example.com", {{10, "mx.example.com"}}}}, .servfail = {"mx.example.com"}},
       "ok",
       "10 mx.example.com temporary",
       ""},
      {"an address in place of a name",
       {.mx = {{"example.com", {{10, "192.0.2.1"}}}}},
       "ok",
       "10 192.0.2.1 nodata",
       "mx_is_address"},
      {"a target that cannot be in a certificate",
       {.mx = {{"example.com", {{10, "mx_1.example.com"}, {20, "example"}}}},
        .addresses = {{"mx_1.example.com", {"192.0.2.1"}}}},
       "ok",
       "10 mx_1.example.com nodata, 20 example nodata",
       "mx_bad_host mx_bad_host"},
      {"the sender's own host as target",
       {.mx = {{"example.com", {{10, "localhost"}, {20, "localhost.localdomain"}, {30, "mx.localhost"}}}},
        .addresses = {{"mx.localhost", {"127.0.0.1"}}}},
       "ok",
       "10 localhost nodata, 20 localhost.localdomain nxdomain, 30 mx.localhost",
       "mx_is_localhost mx_is_localhost mx_without_address mx_is_localhost loopback_address"},
      {"the same target twice",
       {.mx = {{"example.com", {{20, "mx.example.com"}, {10, "mx.example.com"}}}},
        .addresses = {{"mx.example.com", {"192.0.2.1"}}}},
       "ok",
       "10 mx.example.com",
       "mx_duplicate"},
      {"addresses nobody elsewhere can reach",
       {.mx = {{"example.com", {{10, "mx.example.com"}}}},
        .addresses = {{"mx.example.com", {"10.0.0.1", "127.0.0.1", "fe80::1", "fd00::1", "192.0.2.1"}}}},
       "ok",
       "10 mx.example.com",
       "private_address loopback_address private_address loopback_address"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    const MxLookup lookup = look_up(row.table);
    CHECK(to_string(lookup.status) == row.status);
    CHECK(targets(lookup) == row.targets);
    CHECK(codes(lookup) == row.warnings);
    CHECK(lookup.reason.empty() == !lookup.targets.empty());
  }
}

TEST_CASE("the answer's DNSSEC state comes along") {
  const FakeDns table{
      .mx = {{"example.com", {{10, "mx.example.com"}}}},
      .addresses = {{"mx.example.com", {"192.0.2.1"}}, {"example.net", {"192.0.2.1"}}, {"half.example", {"192.0.2.1"}}},
      .exists = {"example.com"},
      .bogus = {"MX bogus.example"},
      .secure = {"example.com", "A mx.example.com", "example.net", "AAAA half.example"}};
  CHECK(look_up(table).security == Security::secure);
  CHECK(look_up(table).targets.front().lookup.security == Security::insecure);  // AAAA is not
  CHECK(look_up(table, "example.net").targets.front().lookup.security == Security::secure);
  CHECK(look_up(table, "half.example").targets.front().lookup.security == Security::insecure);  // A is not
  CHECK(look_up(table, "example.org").security == Security::insecure);
  CHECK(look_up(table, "bogus.example").security == Security::bogus);
}

TEST_CASE("an alias shows where it leads") {
  const MxLookup lookup = look_up({.mx = {{"example.net", {{10, "mail.example.net"}}}},
                                   .addresses = {{"mx.example.net", {"192.0.2.1"}}},
                                   .cname = {{"example.com", "example.net"}, {"mail.example.net", "mx.example.net"}}});
  CHECK(lookup.canonical->ascii() == "example.net");
  CHECK(lookup.targets.front().lookup.canonical->ascii() == "mx.example.net");
}

TEST_CASE("reasons read on after the name") {
  CHECK(look_up({}).reason == "does not exist in the DNS");
  CHECK(look_up({.mx = {{"example.com", {{0, "."}}}}}).reason == "has a null MX: it takes no mail");
  CHECK(look_up({.exists = {"example.com"}}).reason == "has neither MX records nor an address");
  CHECK(look_up({.servfail = {"example.com"}}).reason == "could not be looked up (MX: the DNS answers SERVFAIL)");
  CHECK(look_up({.bogus = {"example.com"}}).reason == "fails DNSSEC validation (MX: signature expired)");
  CHECK(look_up({.exists = {"example.com"}, .servfail = {"A example.com"}}).reason ==
        "has no MX records, and could not be looked up (A: the DNS answers SERVFAIL)");
}

TEST_CASE("two rounds of questions for all domains, and each question once") {
  FakeResolver resolver({.mx = {{"example.com", {{10, "mx.example.com"}}}, {"example.net", {{10, "mx.example.com"}}}},
                         .addresses = {{"mx.example.com", {"192.0.2.1"}}}});
  const auto lookups = look_up(resolver, {"example.com", "example.net", "Example.COM"});
  CHECK(lookups.size() == 2);
  CHECK(lookups[0].domain.name.ascii() == "example.com");
  CHECK(resolver.batches() == 2);
  CHECK(resolver.asked() ==
        std::vector<std::string>{"MX example.com", "MX example.net", "A mx.example.com", "AAAA mx.example.com"});
}

TEST_CASE("one broken domain does not stop the others") {
  FakeResolver resolver({.mx = {{"good.example", {{10, "mx.example.com"}}}},
                         .addresses = {{"mx.example.com", {"192.0.2.1"}}},
                         .servfail = {"broken.example"}});
  const auto lookups = look_up(resolver, {"broken.example", "good.example"});
  CHECK(lookups[0].status == MxStatus::temporary);
  CHECK(lookups[1].status == MxStatus::ok);
}

TEST_CASE("a domain with endless MX records costs a bounded number of questions") {
  FakeDns table;
  for (int i = 0; i < 500; ++i)
    table.mx["example.com"].push_back({10, "mx" + std::to_string(i) + ".example.com"});
  FakeResolver resolver(table);
  const auto lookups = look_up(resolver, {"example.com"});
  CHECK(lookups.front().targets.size() == 50);
  CHECK(codes(lookups.front()).starts_with("mx_too_many "));
  CHECK_THAT(codes(lookups.front()), !ContainsSubstring("mx_many"));
  CHECK(resolver.asked().size() == 101);
}

TEST_CASE("more than a dozen MX hosts are told of") {
  for (const int count : {12, 13}) {
    FakeDns table;
    for (int i = 0; i < count; ++i) {
      const std::string host = "mx" + std::to_string(i) + ".example.com";
      table.mx["example.com"].push_back({10, host});
      table.addresses[host] = {"192.0.2.1"};
    }
    const MxLookup lookup = look_up(table);
    CHECK(lookup.targets.size() == static_cast<std::size_t>(count));
    CHECK(codes(lookup) == (count == 13 ? "mx_many" : ""));
  }
}
