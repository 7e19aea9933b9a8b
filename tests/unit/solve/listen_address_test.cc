#include "solve/listen_address.h"

#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using solve::ListenAddress;
using solve::parse_listen_address;

TEST_CASE("an address to listen on is numeric, with a port or for port 80") {
  CHECK(parse_listen_address("192.0.2.1:8080") == ListenAddress{.address = "192.0.2.1", .port = 8080});
  CHECK(parse_listen_address("192.0.2.1") == ListenAddress{.address = "192.0.2.1", .port = 80});
  CHECK(parse_listen_address("[2001:DB8::1]:81") == ListenAddress{.address = "2001:db8::1", .port = 81});
  CHECK(parse_listen_address("[::]") == ListenAddress{.address = "::", .port = 80});
  CHECK(parse_listen_address("::1") == ListenAddress{.address = "::1", .port = 80});
}

TEST_CASE("what is no address to listen on is a mistake in the configuration") {
  for (const char* text : {"", ":80", "localhost:80", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:80x",
                           "192.0.2:80", "[::1", "[::1]80", "[192.0.2.1]x", "fe80::1%eth0", "*:80"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_listen_address(text), ConfigError);
  }
}

TEST_CASE("an address is written as it is read") {
  for (const char* text : {"192.0.2.1:80", "[::]:80", "[2001:db8::1]:8080"})
    CHECK(solve::to_string(parse_listen_address(text)) == text);
}
