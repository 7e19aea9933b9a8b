#include "mx/services.h"

#include <algorithm>

#include "catch.h"
#include "dns/fake_resolver.h"

using namespace mxcert;
using namespace mxcert::mx;
using dns::DnsName;
using test::FakeDns;
using test::FakeResolver;

namespace {

std::vector<MxLookup> look_up(FakeResolver& resolver, const std::vector<std::string>& names, bool services = true) {
  std::vector<MailDomain> domains;
  for (const std::string& name : names)
    domains.push_back({DnsName::parse(name), "config"});
  return find_mx_targets(resolver, domains, {.services = services});
}

/// `_imaps._tcp: 10 imap.example.com`, or its reason; one a line.
std::string services(FakeDns table, const std::string& domain = "example.com") {
  FakeResolver resolver(std::move(table));
  std::string text;
  const MxLookup lookup = look_up(resolver, {domain}).front();
  for (const ServiceLookup& service : lookup.services) {
    text += std::string(service.service) + ":";
    for (const MxTarget& target : service.targets)
      text += " " + std::to_string(target.preference) + " " + target.host.ascii();
    text += service.reason.empty() ? "\n" : " " + service.reason + "\n";
  }
  return text;
}

std::string codes(FakeDns table) {
  FakeResolver resolver(std::move(table));
  std::string text;
  const MxLookup lookup = look_up(resolver, {"example.com"}).front();
  for (const Warning& warning : lookup.warnings)
    text += warning.code + " " + warning.subject + "\n";
  return text;
}

FakeDns mail_domain() {
  return {.mx = {{"example.com", {{10, "mx.example.com"}}}},
          .addresses = {{"mx.example.com", {"192.0.2.1"}}, {"imap.example.com", {"192.0.2.1"}}}};
}

FakeDns with_imaps(const std::vector<std::pair<std::uint16_t, std::string>>& records) {
  FakeDns table = mail_domain();
  table.srv["_imaps._tcp.example.com"] = records;
  return table;
}

}  // namespace

TEST_CASE("services are asked for only when told") {
  FakeResolver resolver(with_imaps({{0, "imap.example.com"}}));
  CHECK(look_up(resolver, {"example.com"}, false).front().services.empty());
  CHECK(std::ranges::none_of(resolver.asked(), [](const std::string& asked) { return asked.starts_with("SRV"); }));
}

TEST_CASE("the hosts of a service, each once, with their addresses") {
  FakeDns table = with_imaps({{20, "b.example.com"}, {10, "imap.example.com"}, {30, "imap.example.com"}});
  CHECK(services(table) == "_imaps._tcp: 10 imap.example.com 20 b.example.com\n");
  FakeResolver resolver(table);
  const auto lookups = look_up(resolver, {"example.com"});
  CHECK(lookups.front().services.front().targets.front().lookup.addresses.front().to_string() == "192.0.2.1");
}

TEST_CASE("each of the services of RFC 6186 and RFC 8314 is asked for") {
  FakeDns table = mail_domain();
  for (const std::string_view service : mail_services)
    table.srv[std::string(service) + ".example.com"] = {{0, "imap.example.com"}};
  CHECK(services(table) ==
        "_submission._tcp: 0 imap.example.com\n_submissions._tcp: 0 imap.example.com\n_imap._tcp: 0 imap.example.com\n"
        "_imaps._tcp: 0 imap.example.com\n_pop3._tcp: 0 imap.example.com\n_pop3s._tcp: 0 imap.example.com\n");
}

TEST_CASE("a root as the target says that there is no such service") {
  CHECK(services(with_imaps({{0, "."}})) == "_imaps._tcp: is not offered\n");
  CHECK(services(mail_domain()).empty());
}

TEST_CASE("a service that cannot be looked up is told apart from none") {
  FakeDns table = with_imaps({{0, "imap.example.com"}});
  table.servfail = {"SRV _imaps._tcp.example.com"};
  CHECK(services(table) == "_imaps._tcp: could not be looked up (SRV: the DNS answers SERVFAIL)\n");
  table.servfail.clear();
  table.bogus = {"SRV _imaps._tcp.example.com"};
  CHECK(services(table) == "_imaps._tcp: fails DNSSEC validation (SRV: signature expired)\n");
}

TEST_CASE("a domain that does not exist, or about which nothing is known, is not asked for its services") {
  FakeResolver resolver({.servfail = {"broken.example"}});
  look_up(resolver, {"gone.example", "broken.example"});
  CHECK(resolver.asked() == std::vector<std::string>{"MX gone.example", "MX broken.example"});
}

TEST_CASE("a domain without mail may have services all the same") {
  FakeDns table = with_imaps({{0, "imap.example.com"}});
  table.mx["example.com"] = {{0, "."}};
  CHECK(services(table) == "_imaps._tcp: 0 imap.example.com\n");
}

TEST_CASE("a host of a service that people cannot use is a warning, as one of an MX record is") {
  FakeDns table = with_imaps({{0, "alias.example.com"},
                              {1, "192.0.2.1"},
                              {2, "localhost"},
                              {3, "gone.example.com"},
                              {4, "inside.example.com"},
                              {5, "a_b.example.com"}});
  table.cname["alias.example.com"] = "imap.example.com";
  table.addresses["inside.example.com"] = {"10.0.0.1"};
  CHECK(codes(table) ==
        "srv_is_cname alias.example.com\nsrv_is_address 192.0.2.1\nsrv_is_localhost localhost\n"
        "srv_without_address gone.example.com\nprivate_address inside.example.com\nsrv_bad_host a_b.example.com\n");
}

TEST_CASE("a service with endless records costs a bounded number of questions") {
  std::vector<std::pair<std::uint16_t, std::string>> records;
  for (int i = 0; i < 500; ++i)
    records.emplace_back(0, "h" + std::to_string(i) + ".example.com");
  FakeResolver resolver(with_imaps(records));
  CHECK(look_up(resolver, {"example.com"}).front().services.front().targets.size() == max_targets);
}
