#include "mx/caa.h"

#include "catch.h"
#include "dns/fake_resolver.h"

using namespace mxcert;
using namespace mxcert::mx;
using dns::CaaRecord;
using dns::DnsName;
using test::FakeDns;
using test::FakeResolver;

namespace {

const DnsName owner = DnsName::parse("example.com");
const CaaApplicant us{.issuers = {"CA.Example", "www.ca.example"}, .account = "https://ca.example/acct/1"};
constexpr std::uint8_t critical = 0x80;

std::vector<CaaLookup> look_up(FakeResolver& resolver, const std::vector<std::string>& names) {
  std::vector<DnsName> parsed;
  for (const std::string& name : names)
    parsed.push_back(DnsName::parse(name));
  return find_caa(resolver, parsed);
}

/// Where the records of mx.sub.example.com are, or `unknown`, or `none`.
std::string owner_in(FakeDns table) {
  FakeResolver resolver(std::move(table));
  const CaaLookup lookup = look_up(resolver, {"mx.sub.example.com"}).front();
  CHECK(lookup.records.empty() != lookup.owner.has_value());
  if (!lookup.unknown.empty()) return lookup.owner ? "unknown and known" : "unknown";
  return lookup.owner ? lookup.owner->ascii() : "none";
}

}  // namespace

TEST_CASE("the records that count are the nearest ones, at the name or above it") {
  const std::vector<CaaRecord> some{{0, "issue", "ca.example"}};
  struct Row {
    const char* rule;
    FakeDns table;
    const char* owner;
  };
  const std::vector<Row> rows = {
      {"none anywhere", {.exists = {"mx.sub.example.com"}}, "none"},
      {"none, although the names do not exist", {}, "none"},
      {"at the name", {.caa = {{"mx.sub.example.com", some}, {"example.com", some}}}, "mx.sub.example.com"},
      {"one above", {.caa = {{"sub.example.com", some}, {"example.com", some}}}, "sub.example.com"},
      {"two above", {.caa = {{"example.com", some}}}, "example.com"},
      {"at the top-level domain", {.caa = {{"com", some}}}, "com"},
      {"beside: not", {.caa = {{"www.example.com", some}}}, "none"},
      {"at the end of an alias",
       {.caa = {{"host.example.net", some}, {"example.com", some}},
        .cname = {{"mx.sub.example.com", "host.example.net"}}},
       "host.example.net"},
      {"above the alias, not above its end",
       {.caa = {{"example.net", some}, {"example.com", some}},
        .addresses = {{"host.example.net", {"192.0.2.1"}}},
        .cname = {{"mx.sub.example.com", "host.example.net"}}},
       "example.com"},
      {"a failure below the records hides them",
       {.caa = {{"example.com", some}}, .servfail = {"CAA sub.example.com"}},
       "unknown"},
      {"so do bogus ones", {.caa = {{"example.com", some}}, .bogus = {"CAA example.com"}}, "unknown"},
      {"a failure above them does not matter",
       {.caa = {{"example.com", some}}, .servfail = {"CAA com"}},
       "example.com"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    CHECK(owner_in(row.table) == row.owner);
  }
}

TEST_CASE("one batch of questions for all names, and each question once") {
  FakeResolver resolver({});
  const auto lookups = look_up(resolver, {"mx.example.com", "mx2.example.com"});
  CHECK(lookups.size() == 2);
  CHECK(lookups[1].name.ascii() == "mx2.example.com");
  CHECK(resolver.batches() == 1);
  CHECK(resolver.asked() ==
        std::vector<std::string>{"CAA com", "CAA example.com", "CAA mx.example.com", "CAA mx2.example.com"});
}

TEST_CASE("what the records say decides whether the CA may issue") {
  struct Row {
    const char* rule;
    std::vector<CaaRecord> records;
    const char* reason;  // a part of it; empty: it may
    const char* remedy = "";
  };
  const char* publish = R"(publish example.com. CAA 0 issue "CA.Example")";
  const std::vector<Row> rows = {
      {"the CA is named", {{0, "issue", "ca.example"}}, ""},
      {"by another of its names, in any case", {{0, "ISSUE", " WWW.CA.Example "}}, ""},
      {"beside others", {{0, "issue", "other.example"}, {0, "issue", ";"}, {0, "issue", "ca.example"}}, ""},
      {"another one is named", {{0, "issue", "other.example"}}, "allow only other.example, not CA.Example", publish},
      {"a name that ends like the CA's", {{0, "issue", "not-ca.example"}}, "allow only not-ca.example", publish},
      {"nobody is named", {{0, "issue", ";"}}, "allow no CA", publish},
      {"nobody, shorter", {{0, "issue", ""}}, "allow no CA", publish},
      {"no record is about issuing", {{0, "iodef", "mailto:security@example.com"}, {0, "issuemail", ";"}}, ""},
      {"an unknown one that does not matter", {{0, "future", "x"}, {0, "issue", "ca.example"}}, ""},
      {"an unknown one that is critical",
       {{critical, "future", "x y"}, {0, "issue", "ca.example"}},
       "hold \"future\", which is marked critical",
       R"(remove example.com. CAA 128 future "x y")"},
      {"a known one that is critical", {{critical, "issue", "ca.example"}, {critical, "iodef", "mailto:x@y"}}, ""},
      {"issuewild is about wildcards only", {{0, "issuewild", ";"}}, ""},
      {"other parameters are not our business", {{0, "issue", "ca.example; policy=ev;x = 1"}}, ""},
      {"a trailing semicolon", {{0, "issue", "ca.example;"}}, ""},
      {"malformed: no value", {{0, "issue", "ca.example; policy"}}, "allow no CA", publish},
      {"malformed: no tag", {{0, "issue", "ca.example; =1"}}, "allow no CA", publish},
      {"malformed: a space in a value", {{0, "issue", "ca.example; a=b c"}}, "allow no CA", publish},
      {"malformed: a tag with a dot", {{0, "issue", "ca.example; a.b=c"}}, "allow no CA", publish},
      {"malformed: no name", {{0, "issue", "%%%%%"}}, "allow no CA", publish},
      {"malformed: an empty label", {{0, "issue", "ca..example"}}, "allow no CA", publish},
      {"malformed ones do not spoil a good one", {{0, "issue", "%%%%%"}, {0, "issue", "ca.example"}}, ""},
      {"our account", {{0, "issue", "ca.example; accounturi=https://ca.example/acct/1"}}, ""},
      {"another account",
       {{0, "issue", "ca.example; accounturi=https://ca.example/acct/2"}},
       "allow ca.example only the account https://ca.example/acct/2, and ours is https://ca.example/acct/1",
       R"(publish example.com. CAA 0 issue "ca.example; accounturi=https://ca.example/acct/1")"},
      {"ours beside another account",
       {{0, "issue", "ca.example; accounturi=https://ca.example/acct/2"},
        {0, "issue", "ca.example; accounturi=https://ca.example/acct/1"}},
       ""},
      {"two accounts in one record are nobody's",
       {{0, "issue", "ca.example; accounturi=https://ca.example/acct/1; accounturi=https://ca.example/acct/1"}},
       "only the account"},
      {"our account at another CA",
       {{0, "issue", "other.example; accounturi=https://ca.example/acct/1"}},
       "allow only"},
      {"our method", {{0, "issue", "ca.example; validationmethods=dns-01,http-01"}}, ""},
      {"another method",
       {{0, "issue", "ca.example; validationmethods=dns-01"}},
       "allow ca.example only the method dns-01, and http-01 is in use",
       R"(publish example.com. CAA 0 issue "ca.example; validationmethods=http-01")"},
      {"two lists of methods are nobody's",
       {{0, "issue", "ca.example; validationmethods=http-01; validationmethods=http-01"}},
       "only the method"},
      {"no method", {{0, "issue", "ca.example; validationmethods="}}, "only the method"},
      {"our account by another method",
       {{0, "issue", "ca.example; accounturi=https://ca.example/acct/1; validationmethods=dns-01"}},
       "allow ca.example only the method",
       R"("ca.example; accounturi=https://ca.example/acct/1; validationmethods=http-01")"},
      {"another account by our method",
       {{0, "issue", "ca.example; accounturi=https://ca.example/acct/2; validationmethods=http-01"}},
       "only the account",
       R"("ca.example; accounturi=https://ca.example/acct/1; validationmethods=http-01")"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    const auto objection = find_objection(owner, row.records, us);
    if (*row.reason == '\0') {
      CHECK_FALSE(objection);
      continue;
    }
    CHECK(objection);
    if (!objection) continue;
    CHECK_THAT(objection->reason, ContainsSubstring(row.reason));
    CHECK_THAT(objection->remedy, ContainsSubstring(row.remedy));
  }
}

TEST_CASE("for a wildcard issuewild records decide where there are any") {
  CaaApplicant wildcard = us;
  wildcard.wildcard = true;
  const std::vector<CaaRecord> forbidden{{0, "issue", "ca.example"}, {0, "issuewild", ";"}};
  REQUIRE(find_objection(owner, forbidden, wildcard));
  CHECK(find_objection(owner, forbidden, wildcard)->remedy == R"(publish example.com. CAA 0 issuewild "CA.Example")");
  CHECK_FALSE(find_objection(owner, forbidden, us));
  CHECK_FALSE(
      find_objection(owner, std::vector<CaaRecord>{{0, "issue", ";"}, {0, "issuewild", "ca.example"}}, wildcard));
  CHECK_FALSE(find_objection(owner, std::vector<CaaRecord>{{0, "issue", "ca.example"}}, wildcard));
  CHECK(find_objection(owner, std::vector<CaaRecord>{{0, "issue", ";"}}, wildcard));
}

TEST_CASE("a CA that does not say its names may be any of those that are named") {
  const CaaApplicant anonymous{.account = "https://ca.example/acct/1"};
  CHECK_FALSE(find_objection(owner, std::vector<CaaRecord>{{0, "issue", "other.example"}}, anonymous));
  CHECK(find_objection(owner, std::vector<CaaRecord>{{0, "issue", ";"}}, anonymous));
  CHECK(find_objection(owner, std::vector<CaaRecord>{{0, "issue", "x.example; accounturi=https://x.example/1"}},
                       anonymous));
}

TEST_CASE("before there is an account no record can name it, and none is made up") {
  const CaaApplicant newcomer{.issuers = {"ca.example"}};
  const std::vector<CaaRecord> records{{0, "issue", "ca.example; accounturi=https://ca.example/acct/1"}};
  REQUIRE(find_objection(owner, records, newcomer));
  CHECK_THAT(find_objection(owner, records, newcomer)->reason, ContainsSubstring("does not exist yet"));
  CHECK_THAT(find_objection(owner, records, newcomer)->remedy, ContainsSubstring(R"(issue "ca.example")"));
  CHECK(find_objection(owner, std::vector<CaaRecord>{{0, "issue", "ca.example; accounturi="}}, newcomer));
}

TEST_CASE("what somebody wrote into a record cannot write to the terminal") {
  const auto objection = find_objection(owner, std::vector<CaaRecord>{{critical, "a\x1b[2J", "\x1b[2J\n"}}, us);
  REQUIRE(objection);
  CHECK(objection->reason.find('\x1b') == std::string::npos);
  CHECK(objection->remedy.find_first_of("\x1b\n") == std::string::npos);
}
