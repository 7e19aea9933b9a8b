#include "dns/wire.h"

#include <vector>

#include "catch.h"

using namespace mxcert::dns;

namespace {

using Bytes = std::vector<std::uint8_t>;

/// A literal without its closing zero.
template <std::size_t size>
Bytes bytes(const char (&text)[size]) {
  return {text, text + size - 1};
}

const Bytes mx_data = bytes(
    "\x00\x0a"
    "\x02mX\x07"
    "example\x00");

}  // namespace

TEST_CASE("MX data") {
  const auto record = parse_mx(mx_data);
  REQUIRE(record);
  CHECK(record->preference == 10);
  CHECK(record->exchange.ascii() == "mx.example");
  const auto null_mx = parse_mx(Bytes{0, 0, 0});
  REQUIRE(null_mx);
  CHECK(null_mx->exchange.is_root());
  CHECK(parse_mx(bytes("\xff\xff\x01.\x00"))->exchange.ascii() == "\\046");
}

TEST_CASE("MX data that are cut, too long, compressed or followed by something are refused") {
  for (std::size_t size = 0; size < mx_data.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(parse_mx(std::span(mx_data).first(size)));
  }
  Bytes longer = mx_data;
  longer.push_back(0);
  CHECK_FALSE(parse_mx(longer));
  CHECK_FALSE(parse_mx(Bytes{0, 10, 0xC0, 0x0C}));
  Bytes long_label{0, 10, 64};
  long_label.insert(long_label.end(), 64, 'a');
  long_label.push_back(0);
  CHECK_FALSE(parse_mx(long_label));
}

TEST_CASE("a name on the wire has 255 octets at most") {
  const auto name_of = [](std::size_t last_label) {
    Bytes rdata{0, 10};
    for (const std::size_t size : {std::size_t{63}, std::size_t{63}, std::size_t{63}, last_label}) {
      rdata.push_back(static_cast<std::uint8_t>(size));
      rdata.insert(rdata.end(), size, 'a');
    }
    rdata.push_back(0);
    return rdata;
  };
  REQUIRE(parse_mx(name_of(61)));
  CHECK(parse_mx(name_of(61))->exchange.ascii().size() == 253);
  CHECK_FALSE(parse_mx(name_of(62)));
}

TEST_CASE("address data have exactly their size") {
  CHECK(parse_a(Bytes{192, 0, 2, 1})->to_string() == "192.0.2.1");
  CHECK_FALSE(parse_a(Bytes{192, 0, 2}));
  CHECK_FALSE(parse_a(Bytes(16)));
  CHECK(parse_aaaa(Bytes{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})->to_string() == "2001:db8::1");
  CHECK_FALSE(parse_aaaa(Bytes(4)));
  CHECK_FALSE(parse_aaaa(Bytes(17)));
}

TEST_CASE("CAA data") {
  const auto record = parse_caa(bytes("\x80\x05issueca.example; a=b"));
  REQUIRE(record);
  CHECK(record->flags == 0x80);
  CHECK(record->tag == "issue");
  CHECK(record->value == "ca.example; a=b");
  CHECK(parse_caa(bytes("\x00\x05iodef"))->value.empty());
}

TEST_CASE("CAA data without a tag or with one that is longer than they are are refused") {
  CHECK_FALSE(parse_caa({}));
  CHECK_FALSE(parse_caa(Bytes{0}));
  CHECK_FALSE(parse_caa(Bytes{0, 0}));
  CHECK_FALSE(parse_caa(bytes("\x00\x00value")));
  CHECK_FALSE(parse_caa(bytes("\x00\x06issue")));
  CHECK_FALSE(parse_caa(bytes("\x00\xffissue")));
}

TEST_CASE("an SRV record has priority, weight, port and target, and the target may be the root") {
  const auto record =
      parse_srv(bytes("\x00\x0a\x00\x05\x03\xe1\x04imap\x07"
                      "example\x00"));
  REQUIRE(record);
  CHECK(record->priority == 10);
  CHECK(record->weight == 5);
  CHECK(record->port == 993);
  CHECK(record->target.ascii() == "imap.example");
  CHECK(parse_srv(Bytes{0, 0, 0, 0, 0, 0, 0})->target.is_root());
}

TEST_CASE("SRV data that is cut short, compressed or goes on behind the target is none") {
  CHECK_FALSE(parse_srv({}));
  CHECK_FALSE(parse_srv(Bytes{0, 0, 0, 0, 0, 0}));
  CHECK_FALSE(parse_srv(Bytes{0, 0, 0, 0, 0, 0, 4, 'i'}));
  CHECK_FALSE(parse_srv(Bytes{0, 0, 0, 0, 0, 0, 0xc0, 0}));
  CHECK_FALSE(parse_srv(Bytes{0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_CASE("TLSA data") {
  const auto record = parse_tlsa(bytes("\x03\x01\x02\xab\xcd"));
  REQUIRE(record);
  CHECK(record->usage == 3);
  CHECK(record->selector == 1);
  CHECK(record->matching_type == 2);
  CHECK(record->data == "\xab\xcd");
  CHECK(to_string(*record) == "3 1 2 abcd");
}

TEST_CASE("TLSA data without their three numbers are refused, any others are for who judges them") {
  for (const Bytes& cut : {Bytes{}, Bytes{3}, Bytes{3, 1}})
    CHECK_FALSE(parse_tlsa(cut));
  CHECK(parse_tlsa(Bytes{3, 1, 1})->data.empty());
  CHECK(parse_tlsa(Bytes{255, 255, 255, 0})->usage == 255);
}
