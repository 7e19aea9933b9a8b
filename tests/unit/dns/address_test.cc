#include "dns/address.h"

#include "base/error.h"
#include "catch.h"

using mxcert::dns::IpAddress;

TEST_CASE("addresses have one text each") {
  CHECK(IpAddress::parse("192.0.2.1").to_string() == "192.0.2.1");
  CHECK(IpAddress::parse("2001:DB8:0:0::1").to_string() == "2001:db8::1");
  CHECK(IpAddress::parse("::ffff:192.0.2.1").to_string() == "192.0.2.1");
  CHECK(IpAddress::parse("::ffff:192.0.2.1") == IpAddress::parse("192.0.2.1"));
  CHECK(IpAddress::parse("192.0.2.1").is_v4());
  CHECK(IpAddress::parse("2001:db8::1").is_v6());
}

TEST_CASE("what is no address is refused with what was found") {
  for (const char* text : {"", "192.0.2", "192.0.2.256", "192.0.2.1:25", "[2001:db8::1]", "fe80::1%eth0", "localhost",
                           " 192.0.2.1", "0xC0000201"}) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::find(text));
  }
  CHECK_FALSE(IpAddress::find(std::string_view("192.0.2.1\0x", 11)));
  CHECK_THROWS_WITH(IpAddress::parse("192.0.2.1:25"), ContainsSubstring("\"192.0.2.1:25\" is no IP address"));
}

TEST_CASE("IPv4 comes before IPv6, then smaller octets") {
  CHECK(IpAddress::parse("203.0.113.1") < IpAddress::parse("::1"));
  CHECK(IpAddress::parse("9.0.0.1") < IpAddress::parse("10.0.0.0"));
  CHECK(IpAddress::parse("2001:db8::9") < IpAddress::parse("2001:db8::10"));
}

TEST_CASE("which addresses a sender elsewhere can reach") {
  struct Row {
    const char* text;
    bool loopback, link_local, is_private, global;
  };
  const Row rows[] = {
      {"192.0.2.1", false, false, false, true},   {"2001:db8::1", false, false, false, true},
      {"127.0.0.53", true, false, false, false},  {"::1", true, false, false, false},
      {"169.254.1.1", false, true, false, false}, {"fe80::1", false, true, false, false},
      {"febf::1", false, true, false, false},     {"fec0::1", false, false, false, true},
      {"10.0.0.1", false, false, true, false},    {"172.16.0.1", false, false, true, false},
      {"172.32.0.1", false, false, false, true},  {"192.168.1.1", false, false, true, false},
      {"100.64.0.1", false, false, true, false},  {"100.128.0.1", false, false, false, true},
      {"fd00::1", false, false, true, false},     {"fe00::1", false, false, false, true},
      {"0.0.0.0", false, false, false, false},    {"::", false, false, false, false},
      {"224.0.0.1", false, false, false, false},  {"255.255.255.255", false, false, false, false},
      {"ff02::1", false, false, false, false},    {"::ffff:10.0.0.1", false, false, true, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const IpAddress address = IpAddress::parse(row.text);
    CHECK(address.is_loopback() == row.loopback);
    CHECK(address.is_link_local() == row.link_local);
    CHECK(address.is_private() == row.is_private);
    CHECK(address.is_global() == row.global);
  }
}
