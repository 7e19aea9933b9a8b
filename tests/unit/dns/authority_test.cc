#include "dns/authority.h"

#include "catch.h"
#include "dns_server.h"

using namespace mxcert;
using namespace mxcert::dns;
using namespace std::chrono_literals;

namespace {

std::vector<Question> questions(const std::vector<std::string>& names) {
  std::vector<Question> all;
  for (const std::string& name : names)
    all.push_back({DnsName::parse(name), RecordType::a});
  return all;
}

/// `127.0.0.1: own.example`, or nothing.
std::string found(const std::vector<std::string>& servers, const std::vector<std::string>& names,
                  std::chrono::milliseconds patience = 5s) {
  RealClock clock;
  const auto authority = find_authority(clock, servers, questions(names), patience);
  return authority ? authority->server + ": " + authority->question.name.ascii() : "";
}

}  // namespace

TEST_CASE("a server that answers from data of its own is found, whatever it answers") {
  const test::DnsServer server;
  CHECK(found({server.address()}, {"mx.example", "own.example"}) == "127.0.0.1: own.example");
  CHECK(found({server.address()}, {"ownempty.example"}) == "127.0.0.1: ownempty.example");
}

TEST_CASE("a server that looks elsewhere is not, nor is one that refuses") {
  test::DnsServer server;
  CHECK(found({server.address()}, {"mx.example", "gone.example", "ownrefuse.example"}).empty());
  CHECK(server.asked("mx.example") == 1);
}

TEST_CASE("any of the servers counts, and each question goes to each once") {
  test::DnsServer first;
  test::DnsServer second;
  CHECK(found({first.address(), second.address()}, {"mx.example"}).empty());
  CHECK(first.asked("mx.example") == 1);
  CHECK(second.asked("mx.example") == 1);
  const test::DnsServer dead(true);
  CHECK(found({dead.address(), first.address()}, {"own.example"}) == "127.0.0.1: own.example");
}

TEST_CASE("what nobody answers is not known, and waiting has an end") {
  const test::DnsServer dead(true);
  CHECK(found({dead.address()}, {"own.example"}, 50ms).empty());
  CHECK(found({"127.0.0.1@1"}, {"own.example"}).empty());  // nobody listens there
  CHECK(found({"fe80::1%eth0"}, {"own.example"}).empty());
  const test::DnsServer server;
  CHECK(found({server.address()}, {}).empty());
}

TEST_CASE("the servers that resolv.conf names") {
  CHECK(name_servers(
            "# nameserver 192.0.2.9\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1  # second\nsearch a.example\n"
            "nameserverx 192.0.2.3\nnameserver\n") == std::vector<std::string>{"192.0.2.1", "2001:db8::1"});
}
