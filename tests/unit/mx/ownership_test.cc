#include "mx/ownership.h"

#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::mx;
using dns::AnswerStatus;
using dns::DnsName;
using dns::IpAddress;

namespace {

std::vector<IpAddress> addresses(const std::vector<std::string>& texts) {
  std::vector<IpAddress> parsed;
  for (const std::string& text : texts)
    parsed.push_back(IpAddress::parse(text));
  return parsed;
}

HostLookup resolves_to(const std::vector<std::string>& texts) {
  return {.status = AnswerStatus::ok, .addresses = addresses(texts)};
}

HostRules rules() {
  return {.local_addresses = addresses({"192.0.2.1", "2001:db8::1"}),
          .addresses = addresses({"203.0.113.7"}),
          .siblings = addresses({"192.0.2.2", "2001:db8::2", "203.0.113.7"}),
          .names = {HostPattern::parse("mx*.cluster.example")},
          .exclude = {HostPattern::parse("mx9.cluster.example"), HostPattern::parse("backup.example.com")}};
}

std::string decide(const std::string& host, const HostLookup& lookup) {
  const Ownership ownership = decide_owner(*DnsName::parse_host(host), lookup, rules());
  return std::string(to_string(ownership.owner)) + ": " + ownership.reason;
}

}  // namespace

TEST_CASE("whose host it is, and why") {
  struct Row {
    const char* host;
    HostLookup lookup;
    const char* expected;
  };
  const HostLookup failed{.status = AnswerStatus::temporary, .reason = "could not be looked up (A: SERVFAIL)"};
  const HostLookup half_failed{
      .status = AnswerStatus::temporary, .addresses = addresses({"192.0.2.1"}), .reason = "could not be looked up"};
  const HostLookup bogus{.status = AnswerStatus::bogus, .reason = "fails DNSSEC validation"};
  const HostLookup nothing{.status = AnswerStatus::nodata, .reason = "has no address"};
  const Row rows[] = {
      {"mx.example.com", resolves_to({"192.0.2.1"}), "ours: 192.0.2.1 is this host's"},
      {"mx.example.com", resolves_to({"192.0.2.1", "2001:db8::1"}), "ours: 192.0.2.1 and 2001:db8::1 are this host's"},
      {"mx.example.com", resolves_to({"203.0.113.7"}), "ours: 203.0.113.7 is this host's"},
      {"mx.example.com", resolves_to({"198.51.100.1"}), "foreign: 198.51.100.1 is not this host's"},
      {"mx.example.com", resolves_to({"192.0.2.1", "198.51.100.1"}),
       "partly_ours: 192.0.2.1 is this host's, but 198.51.100.1 is not"},
      {"mx.example.com", resolves_to({"198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5"}),
       "foreign: 198.51.100.1, 198.51.100.2, 198.51.100.3 and 2 more are not this host's"},
      {"mx.example.com", resolves_to({"192.0.2.2"}), "sibling: 192.0.2.2 is a sibling's"},
      {"mx.example.com", resolves_to({"192.0.2.1", "192.0.2.2", "2001:db8::2"}),
       "sibling: 192.0.2.1 is this host's, 192.0.2.2 and 2001:db8::2 are a sibling's"},
      {"mx.example.com", resolves_to({"192.0.2.2", "198.51.100.1"}),
       "partly_ours: 192.0.2.2 is a sibling's, but 198.51.100.1 is not"},
      {"mx.example.com", failed, "unknown: could not be looked up (A: SERVFAIL)"},
      {"mx.example.com", half_failed, "unknown: could not be looked up"},
      {"mx.example.com", bogus, "unknown: fails DNSSEC validation"},
      {"mx.example.com", nothing, "unresolvable: has no address"},
      {"192.0.2.1", nothing, "unresolvable: is an address, not a host name"},
      {"mx1.cluster.example", resolves_to({"198.51.100.1"}), "ours: listed in hosts.names as \"mx*.cluster.example\""},
      {"mx1.cluster.example", failed, "unknown: could not be looked up (A: SERVFAIL)"},
      {"mx1.cluster.example", nothing, "unresolvable: has no address"},
      {"mx9.cluster.example", resolves_to({"192.0.2.1"}), "foreign: excluded by hosts.exclude \"mx9.cluster.example\""},
      {"backup.example.com", failed, "foreign: excluded by hosts.exclude \"backup.example.com\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.host, row.expected);
    CHECK(decide(row.host, row.lookup) == row.expected);
  }
}

TEST_CASE("patterns match within labels") {
  struct Row {
    const char* pattern;
    const char* host;
    bool matches;
  };
  const Row rows[] = {
      {"mx.example.com", "mx.example.com", true},
      {"MX.example.com.", "mx.example.com", true},
      {"mx.example.com", "mx2.example.com", false},
      {"mx*.example.com", "mx.example.com", true},
      {"mx*.example.com", "mx12.example.com", true},
      {"mx*.example.com", "mail.example.com", false},
      {"mx*.example.com", "mx.a.example.com", false},
      {"mx?.example.com", "mx1.example.com", true},
      {"mx?.example.com", "mx.example.com", false},
      {"*.example.com", "a.example.com", true},
      {"*.example.com", "example.com", false},
      {"*.example.com", "a.b.example.com", false},
      {"*mx*.example.com", "amx1.example.com", true},
      {"*mx*.example.com", "xm.example.com", false},
      {"a*b*c.example.com", "aXbXbXc.example.com", true},
      {"a*b*c.example.com", "aXcXb.example.com", false},
      {"mx.*.example", "mx.com.example", true},
      {"mx.*.example", "mx.example", false},
      {"*.bücher.example", "mx.xn--bcher-kva.example", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern, row.host);
    CHECK(HostPattern::parse(row.pattern).matches(*DnsName::parse_host(row.host)) == row.matches);
  }
}

TEST_CASE("a pattern that cannot match any host is a configuration error") {
  for (const char* text : {"", ".", "*", "mx*", "mx*.", "*.*", ".example.com", "a..*.example.com", "mx*.exa mple.com",
                           "b*ü.example", "mx.example.com:25", "192.0.2.*", "192.0.2.1", "*_.example.com"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(HostPattern::parse(text), ConfigError);
  }
}

TEST_CASE("a pattern made to be slow is not") {
  std::string pattern;
  for (int i = 0; i < 20; ++i)
    pattern += "*a";
  CHECK_FALSE(
      HostPattern::parse(pattern + "*b.example").matches(*DnsName::parse_host(std::string(63, 'a') + ".example")));
}

TEST_CASE("this machine's addresses are sorted and can be reached from elsewhere") {
  const std::vector<IpAddress> local = local_addresses();
  CHECK(std::ranges::is_sorted(local));
  for (const IpAddress& address : local) {
    CAPTURE(address.to_string());
    CHECK_FALSE(address.is_loopback());
    CHECK_FALSE(address.is_link_local());
  }
}
