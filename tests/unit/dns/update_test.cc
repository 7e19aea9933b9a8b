#include "dns/update.h"

#include <fmt/format.h>

#include "catch.h"
#include "signalled.h"
#include "update_server.h"

using namespace mxcert;
using namespace mxcert::dns;
using namespace std::chrono_literals;

namespace {

RealClock real_clock;

DnsName name(const std::string& text) {
  return DnsName::parse_host(text).value();
}

/// The challenges of so many hosts, in three zones by turns.
std::vector<TxtRecord> make_records(int count) {
  std::vector<TxtRecord> records;
  for (int i = 0; i < count; ++i)
    records.push_back({name(fmt::format("_acme-challenge.mx{}.zone{}.example", i, i % 3)), fmt::format("text {}", i)});
  return records;
}

std::vector<DnsName> names_of(const std::vector<TxtRecord>& records) {
  std::vector<DnsName> names;
  for (const TxtRecord& record : records)
    names.push_back(record.name);
  return names;
}

std::vector<ZoneRecords> by_zone(const std::vector<TxtRecord>& records) {
  std::vector<ZoneRecords> zones{{name("zone0.example"), {}}, {name("zone1.example"), {}}, {name("zone2.example"), {}}};
  for (std::size_t i = 0; i < records.size(); ++i)
    zones[i % 3].records.push_back(records[i]);
  return zones;
}

void require_zones(const test::UpdatingServer& server, int count) {
  const auto zones = find_zones(real_clock, server.at(), names_of(make_records(count)));
  REQUIRE(zones.size() == static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < zones.size(); ++i) {
    REQUIRE(std::holds_alternative<DnsName>(zones[i]));
    CHECK(std::get<DnsName>(zones[i]).ascii() == fmt::format("zone{}.example", i % 3));
  }
}

}  // namespace

TEST_CASE("the zones of a hundred names are asked for over one connection") {
  const test::UpdatingServer server;
  require_zones(server, 100);
  CHECK(server.connections() == 1);
}

TEST_CASE("answers may come in any order") {
  const test::UpdatingServer server({.answers_backwards = true});
  require_zones(server, 100);
  CHECK(server.connections() == 1);
}

TEST_CASE("a server that closes the connection after each answer is asked over others") {
  const test::UpdatingServer server({.closes_after_each = true});
  require_zones(server, 5);
  CHECK(server.connections() == 5);
}

TEST_CASE("three hundred records in three zones are three updates over one connection") {
  const test::UpdatingServer server;
  for (const std::optional<Error>& fault : add_records(real_clock, server.at(), by_zone(make_records(300))))
    CHECK_FALSE(fault);
  CHECK(server.updates() == 3);
  CHECK(server.connections() == 1);
}

TEST_CASE("a zone that the server does not change leaves the others alone") {
  const test::UpdatingServer server;
  std::vector<ZoneRecords> zones = by_zone(make_records(3));
  zones[1].zone = name("refused.example");
  const Faults faults = remove_records(real_clock, server.at(), zones);
  REQUIRE(faults.size() == 3);
  CHECK_FALSE(faults[0]);
  REQUIRE(faults[1]);
  CHECK(faults[1]->message().find("refuses to change zone refused.example: REFUSED") != std::string::npos);
  CHECK_FALSE(faults[2]);
}

TEST_CASE("an answer that is signed with another key is none") {
  const test::UpdatingServer server;
  UpdateServer other = server.at();
  other.key.secret = "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3Q=";
  const Faults faults = add_records(real_clock, other, by_zone(make_records(3)));
  REQUIRE(faults.size() == 3);
  for (const std::optional<Error>& fault : faults) {
    REQUIRE(fault);
    CHECK(fault->message().find("is not signed with key test") != std::string::npos);
  }
}

TEST_CASE("where nobody listens each part is told so") {
  UpdateServer nobody = test::UpdatingServer().at();
  const Faults faults = add_records(real_clock, nobody, by_zone(make_records(3)));
  REQUIRE(faults.size() == 3);
  for (const std::optional<Error>& fault : faults) {
    REQUIRE(fault);
    CHECK(fault->message().starts_with("no answer from the DNS server 127.0.0.1@"));
  }
}

TEST_CASE("the name servers of zones come zone by zone") {
  const test::UpdatingServer server;
  const auto found =
      find_name_servers(real_clock, server.at(), std::vector{name("zone0.example"), name("zone1.example")});
  REQUIRE(found.size() == 2);
  CHECK(found[1] == std::vector{name("one.zone1.example"), name("two.zone1.example")});
}

TEST_CASE("whether a hundred records are shown is asked with one datagram a name, all at once") {
  test::UpdatingServer server;
  const std::vector<TxtRecord> records = make_records(100);
  std::vector<ExpectedRecord> expected;
  for (const TxtRecord& record : records) {
    server.set_texts(record.name.ascii(), {"another", record.text});
    expected.push_back({server.at().at, record});
    expected.push_back({server.at().at, {record.name, "not there"}});
  }
  const std::vector<bool> shown = are_shown(real_clock, expected);
  REQUIRE(shown.size() == 200);
  for (std::size_t i = 0; i < shown.size(); ++i)
    CHECK(shown[i] == (i % 2 == 0));
  CHECK(server.datagrams() == 100);
  CHECK(server.connections() == 0);
}

TEST_CASE("more records at one name than fit into a datagram are asked for by TCP") {
  test::UpdatingServer server;
  const DnsName shared = name("validation.example");
  std::vector<std::string> texts;
  std::vector<ExpectedRecord> expected;
  for (int i = 0; i < 50; ++i) {
    texts.push_back(fmt::format("a text of some length for the host with number {}", i));
    expected.push_back({server.at().at, {shared, texts.back()}});
  }
  server.set_texts(shared.ascii(), texts);
  CHECK(are_shown(real_clock, expected) == std::vector<bool>(50, true));
  CHECK(server.connections() == 1);
}

TEST_CASE("a server that does not answer shows nothing, and does not hold up another") {
  const test::UpdatingServer silent({.is_silent = true});
  test::UpdatingServer server;
  const TxtRecord record{name("_acme-challenge.mx.example"), "text"};
  server.set_texts(record.name.ascii(), {record.text});
  CHECK(are_shown(real_clock, std::vector<ExpectedRecord>{{silent.at().at, record}, {server.at().at, record}}) ==
        std::vector<bool>{false, true});
}

TEST_CASE("a signal ends what waits for a server that does not answer") {
  const test::UpdatingServer silent({.is_silent = true});
  const std::vector<ZoneRecords> zones = by_zone(make_records(3));
  CHECK(test::ends_at_signal([&] { find_zones(real_clock, silent.at(), std::vector{name("mx.example")}); }));
  CHECK(test::ends_at_signal([&] { find_name_servers(real_clock, silent.at(), std::vector{name("zone0.example")}); }));
  CHECK(test::ends_at_signal([&] { add_records(real_clock, silent.at(), zones); }));
  CHECK(test::ends_at_signal([&] {
    are_shown(real_clock, std::vector<ExpectedRecord>(1, {silent.at().at, zones[0].records[0]}));
  }));
}

TEST_CASE("at a signal, what is taken away has a little time left") {
  const test::UpdatingServer silent({.is_silent = true});
  const auto signalled =
      test::signal_during([&] { remove_records(real_clock, silent.at(), by_zone(make_records(3))); });
  CHECK(signalled.end == test::Signalled::End::returned);
  CHECK(signalled.after_signal > 1s);
  CHECK(signalled.after_signal < 4s);
}
