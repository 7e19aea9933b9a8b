#include "dns/wildcard.h"

#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::dns;

namespace {

std::string parsed(const std::string& text) {
  try {
    return parse_certificate_name(text).ascii();
  } catch (const Error& error) {
    return error.message();
  }
}

std::string over(const std::string& name) {
  const auto wildcard = find_wildcard_over(DnsName::parse_host(name).value());
  return wildcard ? wildcard->ascii() : "none";
}

}  // namespace

TEST_CASE("a certificate's name may have one * as its whole first label, above a name of two") {
  CHECK(parsed("imap.example.com") == "imap.example.com");
  CHECK(parsed("*.example.com") == "*.example.com");
  CHECK(parsed("*.B\u00fccher.example.") == "*.xn--bcher-kva.example");
  for (const char* wrong : {"*", "*.*.example.com", "mx*.example.com", "mx.*.com", "*mx.example.com"}) {
    INFO(wrong);
    CHECK(parsed(wrong).find("is a wildcard") != std::string::npos);
  }
  CHECK(parsed("*.com").find("single label") != std::string::npos);
  CHECK(parsed("*.").find("no usable domain name") != std::string::npos);
  CHECK(parsed("*.192.0.2.1").find("is an address") != std::string::npos);
}

TEST_CASE("a wildcard covers names with one label in its place") {
  CHECK(over("mx.example.com") == "*.example.com");
  CHECK(over("a.mx.example.com") == "*.mx.example.com");
  CHECK(over("*.example.com") == "none");
  CHECK(over("localhost") == "none");
  CHECK(over(".") == "none");
}

TEST_CASE("an authorization for a wildcard is for the name below it") {
  CHECK(without_wildcard(parse_certificate_name("*.example.com")).ascii() == "example.com");
  CHECK(without_wildcard(parse_certificate_name("mx.example.com")).ascii() == "mx.example.com");
  CHECK(is_wildcard(parse_certificate_name("*.example.com")));
  CHECK_FALSE(is_wildcard(parse_certificate_name("mx.example.com")));
  CHECK(is_wildcard("*.example.com"));
  CHECK_FALSE(is_wildcard("mx.example.com"));
  CHECK(without_wildcard("*.example.com") == "example.com");
  CHECK(without_wildcard("mx.example.com") == "mx.example.com");
  CHECK(with_wildcard("example.com") == "*.example.com");
}
