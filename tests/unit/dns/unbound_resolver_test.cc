#include "dns/unbound_resolver.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/files.h"
#include "catch.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::dns;
using namespace std::chrono_literals;

namespace {

/// A socket that takes questions and never answers.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    name_ = "127.0.0.1@" + std::to_string(ntohs(address.sin_port));
  }
  const std::string& name() const { return name_; }

 private:
  Fd socket_;
  std::string name_;
};

std::vector<Question> many_questions(int count) {
  std::vector<Question> questions;
  for (int i = 0; i < count; ++i)
    questions.push_back({DnsName::parse("d" + std::to_string(i) + ".example"), RecordType::mx});
  return questions;
}

}  // namespace

TEST_CASE("a DNS server that is no address is a configuration error") {
  RealClock clock;
  for (const char* server : {"", "dns.example.com", "192.0.2.53:53", "192.0.2.53@", "192.0.2.53@dns", "192.0.2.53@0",
                             "192.0.2.53@65536", "192.0.2.53@53x"}) {
    CAPTURE(server);
    CHECK_THROWS_AS(UnboundResolver(clock, {.servers = {server}}), ConfigError);
  }
  CHECK_NOTHROW(UnboundResolver(clock, {.servers = {"192.0.2.53", "2001:db8::53@8053"}}));
}

TEST_CASE("a trust anchor that is missing or holds none is a configuration error") {
  RealClock clock;
  const test::TempDir directory;
  write_new_file(directory / "empty", "; nothing\n", {});
  write_new_file(directory / "broken", ". IN DS this is none\n", {});
  write_new_file(directory / "good",
                 ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n", {});
  for (const char* name : {"missing", "empty", "broken"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(UnboundResolver(clock, {.servers = {"192.0.2.53"}, .trust_anchor = directory / name}), ConfigError);
  }
  CHECK_NOTHROW(UnboundResolver(clock, {.servers = {"192.0.2.53"}, .trust_anchor = directory / "good"}));
  CHECK_NOTHROW(
      UnboundResolver(clock, {.servers = {"192.0.2.53"}, .trust_anchor = directory / "missing", .validate = false}));
}

TEST_CASE("a server that never answers costs one deadline, however many questions there are") {
  RealClock clock;
  const SilentServer server;
  std::size_t answered = 0;
  UnboundResolver resolver(clock, {.servers = {server.name()},
                                   .validate = false,
                                   .max_in_flight = 10,
                                   .query_timeout = 300ms,
                                   .progress = [&](std::size_t done, std::size_t) { answered = done; }});
  const auto start = clock.steady_now();
  const std::vector<Answer> answers = resolver.resolve(many_questions(100));
  CHECK(clock.steady_now() - start < 2s);
  REQUIRE(answers.size() == 100);
  for (const Answer& answer : answers) {
    CHECK(answer.status == AnswerStatus::temporary);
    CHECK(answer.reason == "no answer from the DNS within 0.3 s");
  }
  CHECK(answered == 100);
}

TEST_CASE("a batch ends at its own deadline") {
  RealClock clock;
  const SilentServer server;
  UnboundResolver resolver(
      clock, {.servers = {server.name()}, .validate = false, .query_timeout = 1min, .batch_timeout = 200ms});
  const auto start = clock.steady_now();
  const Answer answer = resolver.resolve(many_questions(1)).front();
  CHECK(clock.steady_now() - start < 2s);
  CHECK(answer.status == AnswerStatus::temporary);
  CHECK(answer.reason == "no answer from the DNS: the 0.2 s for all lookups are over");
}

TEST_CASE("an answer is remembered, a temporary one too") {
  RealClock clock;
  const SilentServer server;
  UnboundResolver resolver(clock, {.servers = {server.name()}, .validate = false, .query_timeout = 200ms});
  resolver.resolve(many_questions(1));
  const auto start = clock.steady_now();
  CHECK(resolver.resolve(many_questions(1)).front().status == AnswerStatus::temporary);
  CHECK(clock.steady_now() - start < 100ms);
  CHECK(resolver.resolve({}).empty());
}
