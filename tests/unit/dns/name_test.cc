#include "dns/name.h"

#include "base/error.h"
#include "catch.h"

using mxcert::Error;
using mxcert::dns::display_name;
using mxcert::dns::DnsName;

namespace {

/// Labels of these sizes with dots between them.
std::string labels(std::initializer_list<std::size_t> sizes) {
  std::string name;
  for (const std::size_t size : sizes) {
    if (!name.empty()) name += '.';
    name.append(size, 'a');
  }
  return name;
}

/// The message without the quoted name in front.
std::string refusal(const std::string& text) {
  try {
    return "accepted as " + DnsName::parse(text).ascii();
  } catch (const Error& error) {
    CHECK(error.code() == "bad_name");
    CHECK_FALSE(error.hint().empty());
    const std::string message = error.message();
    const auto at = message.find("domain name: ");
    return at == std::string::npos ? message : message.substr(at + 13);
  }
}

}  // namespace

TEST_CASE("a domain is stored as lower-case A-labels without trailing dot") {
  const std::pair<const char*, const char*> rows[] = {
      {"example.com", "example.com"},
      {"Example.COM.", "example.com"},
      {"bücher.example", "xn--bcher-kva.example"},
      {"BÜCHER.example", "xn--bcher-kva.example"},
      {"XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example"},
      {"faß.example", "xn--fa-hia.example"},              // non-transitional: not fass
      {"βόλος.example", "xn--nxasmm1c.example"},          // final sigma kept
      {"bu\u0308cher.example", "xn--bcher-kva.example"},  // decomposed
      {"example\u3002com", "example.com"},                // ideographic full stop
      {"ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"},          // full-width letters and dot
      {"example\uff61com\u3002", "example.com"},          // half-width dot, trailing dot
      {"क्\u200dष.example", "xn--11b2ezcw70k.example"},    // joiner after a virama
      {"ab--cd.example", "ab--cd.example"},
      {"3com.example", "3com.example"},
      {"例え.テスト", "xn--r8jz45g.xn--zckzah"},
      {"אבג.example", "xn--4dbcd.example"},
  };
  for (const auto& [text, ascii] : rows) {
    CAPTURE(text);
    CHECK(DnsName::parse(text).ascii() == ascii);
  }
}

TEST_CASE("what cannot be a mail domain is refused with the exact reason") {
  const std::pair<std::string, const char*> rows[] = {
      {"", "it is empty"},
      {".", "it is the root of the DNS"},
      {".example.com", "two dots with nothing between them, or a dot in front"},
      {"example..com", "two dots with nothing between them, or a dot in front"},
      {"example.com..", "two dots with nothing between them, or a dot in front"},
      {"localhost", "it has a single label, and so no place in the public DNS"},
      {"_dmarc.example.com", "the label \"_dmarc\" has an underscore, which host names cannot have"},
      {"*.example.com", "the label \"*\" is a wildcard"},
      {"exa mple.com", "the label \"exa mple\" has the character ' ', which host names cannot have"},
      {"example.com\n", "the label \"com\\x0a\" has the character '\\x0a', which host names cannot have"},
      {"a/b.example", "the label \"a/b\" has the character '/', which host names cannot have"},
      {"-a.example", "the label \"-a\" begins or ends with a hyphen"},
      {"a-.example", "the label \"a-\" begins or ends with a hyphen"},
      {"192.0.2.1", "it is an address"},
      {"2001:db8::1", "it is an address"},
      {"[192.0.2.1]", "it is an address literal"},
      {"[IPv6:2001:db8::1]", "it is an address literal"},
      {"999.0.2.1", "it ends in a number, as only addresses do"},
      {"user@example.com", "it is a mail address"},
      {labels({64, 7}), "is longer than 63 octets"},
      {labels({63, 63, 63, 62}), "it is longer than 253 octets"},
      {labels({2000}), "it is longer than 253 octets"},
      {"ü" + labels({60, 7}), "is longer than 63 octets"},
      {"na\u200dme.example", "has an invisible joiner where none may be"},
      {"a\u200b", "single label"},
      {"☃.example", "has a character that domain names cannot have"},
      {"xn--n3h.example", "decodes to a label that has a character that domain names cannot have"},
      {"xn--zzzzzzzzzz99999.example", "the label \"xn--zzzzzzzzzz99999\" is no valid internationalized label"},
      {"xn--.example", "the label \"xn--\""},
      {"אa.example", "mixes left-to-right and right-to-left writing"},
      {"\u0301a.example", "begins with a combining mark"},
      {"\xff.example", "is not UTF-8"},
      {std::string("a\0b.example", 11), "the character '\\x00'"},
  };
  for (const auto& [text, reason] : rows) {
    CAPTURE(text);
    CHECK_THAT(refusal(text), ContainsSubstring(reason));
  }
}

TEST_CASE("the longest names are accepted") {
  const std::string longest = labels({63, 63, 63, 61});
  CHECK(longest.size() == 253);
  CHECK(DnsName::parse(longest).ascii() == longest);
}

TEST_CASE("a mail address is refused with the domain as advice") {
  try {
    DnsName::parse("postmaster@example.com");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.hint() == "write the part behind the @: example.com");
  }
}

TEST_CASE("U-labels are for people, once beside the A-label") {
  CHECK(DnsName::parse("xn--bcher-kva.example").unicode() == "bücher.example");
  CHECK(display_name(DnsName::parse("bücher.example")) == "bücher.example (xn--bcher-kva.example)");
  CHECK(display_name(DnsName::parse("example.com")) == "example.com");
}

TEST_CASE("an A-label from the DNS that does not lead back to itself stays as it is") {
  CHECK(DnsName::parse_host("xn--n3h.example")->unicode() == "xn--n3h.example");
  CHECK(DnsName::parse_host("xn--a.example")->unicode() == "xn--a.example");
  CHECK(DnsName::parse_host(".")->unicode() == ".");
}

TEST_CASE("names in DNS data may be anything, but only host names go into a certificate") {
  const std::pair<const char*, const char*> rows[] = {
      {"mx.example.com", ""},
      {"MX.example.com.", ""},
      {"xn--bcher-kva.example", ""},
      {".", "is the root of the DNS"},
      {"localhost", "has a single label, and so no place in the public DNS"},
      {"192.0.2.1", "is an address, not a host name"},
      {"1.2.3", "ends in a number, as only addresses do"},
      {"mx_1.example.com", "has an underscore, which host names cannot have"},
      {"*.example.com", "is a wildcard"},
      {"a\\.b.example.com", "has the character '\\', which host names cannot have"},
      {"a\\000b.example.com", "has the character '\\', which host names cannot have"},
      {"-mx.example.com", "begins or ends with a hyphen"},
      {"xn--n3h.example",
       "has the label \"xn--n3h\", which decodes to a label that has a character that domain names cannot have"},
  };
  for (const auto& [text, reason] : rows) {
    CAPTURE(text);
    const auto name = DnsName::parse_host(text);
    REQUIRE(name);
    CHECK(name->why_not_a_host() == reason);
  }
}

TEST_CASE("escapes of DNS data are kept in one form") {
  CHECK(DnsName::parse_host("A\\.b.Example")->ascii() == "a\\046b.example");
  CHECK(DnsName::parse_host("a\\046b.example")->ascii() == "a\\046b.example");
  CHECK(DnsName::parse_host("a\x1b.example")->ascii() == "a\\027.example");
  CHECK(DnsName::parse_host("\\065.example")->ascii() == "a.example");
}

TEST_CASE("text that is not even a DNS name is refused") {
  for (const std::string& text :
       {std::string(), std::string("a..b"), std::string(".a"), std::string("a\\"), std::string("a\\25"),
        std::string("a\\256"), labels({64}), labels({2000}), labels({63, 63, 63, 62})}) {
    CAPTURE(text);
    CHECK_FALSE(DnsName::parse_host(text));
  }
}
