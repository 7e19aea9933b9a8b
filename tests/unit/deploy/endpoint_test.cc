#include "deploy/endpoint.h"

#include <algorithm>

#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::deploy;

TEST_CASE("an endpoint is an address and a port, which says what is spoken there") {
  CHECK(parse_endpoint("192.0.2.1:25") == Endpoint{.address = "192.0.2.1", .port = 25});
  CHECK(parse_endpoint("[2001:db8::0:1]:465") == Endpoint{.address = "2001:db8::1", .port = 465, .implicit_tls = true});
  CHECK(parse_endpoint("192.0.2.1:143") == Endpoint{.address = "192.0.2.1", .port = 143, .protocol = Protocol::imap});
  CHECK(parse_endpoint("192.0.2.1:995") ==
        Endpoint{.address = "192.0.2.1", .port = 995, .protocol = Protocol::pop3, .implicit_tls = true});
  CHECK(parse_endpoint("192.0.2.1:4190") ==
        Endpoint{.address = "192.0.2.1", .port = 4190, .protocol = Protocol::sieve});
  CHECK(to_string(parse_endpoint("[2001:db8::1]:465")) == "[2001:db8::1]:465");
  CHECK(to_string(parse_endpoint("192.0.2.1:25")) == "192.0.2.1:25");
}

TEST_CASE("what is not an endpoint is refused with an example") {
  for (const char* text : {"", "192.0.2.1", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:25x", "mx:25",
                           "2001:db8::1:25", "[192.0.2.1]:25", "[2001:db8::1]", ":25", "192.0.2:25", "1.2.3.4:-1"}) {
    INFO(text);
    try {
      parse_endpoint(text);
      FAIL("accepted");
    } catch (const ConfigError& e) {
      CHECK_THAT(e.message(), ContainsSubstring("not an address with a port"));
      CHECK_THAT(e.hint(), ContainsSubstring("192.0.2.1:25"));
    }
  }
}

TEST_CASE("a wildcard listener stands for every local address of its family, once") {
  const std::vector<std::string> local{"192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"};
  const std::vector<Endpoint> listeners{{.address = "0.0.0.0", .port = 25},
                                        {.address = "192.0.2.1", .port = 25},
                                        {.address = "::", .port = 465, .implicit_tls = true}};
  std::vector<std::string> texts;
  for (const Endpoint& endpoint : expand_wildcards(listeners, local))
    texts.push_back(to_string(endpoint));
  CHECK(texts == std::vector<std::string>{"192.0.2.1:25", "127.0.0.1:25", "[2001:db8::1]:465", "[::1]:465"});
}

TEST_CASE("a host with very many addresses is not looked at for ever") {
  std::vector<std::string> local;
  for (int i = 1; i < 200; ++i)
    local.push_back("10.0.0." + std::to_string(i));
  const std::vector<Endpoint> listeners{{.address = "0.0.0.0", .port = 25}};
  CHECK(expand_wildcards(listeners, local).size() == 16);
}

TEST_CASE("local addresses are numeric, not link-local, loopback last") {
  const std::vector<std::string> addresses = local_addresses();
  for (const std::string& address : addresses) {
    CHECK(normalize_address(address) == address);
    CHECK_FALSE(address.starts_with("fe80"));
  }
  if (std::ranges::find(addresses, "127.0.0.1") == addresses.end()) return;  // no loopback in this namespace
  CHECK((addresses.back() == "127.0.0.1" || addresses.back() == "::1"));
}
