#include "dns/unbound_resolver.h"

#include "base/error.h"
#include "base/files.h"
#include "catch.h"
#include "dns_server.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::dns;
using namespace std::chrono_literals;

namespace {

constexpr const char* root_anchor =
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n";

std::vector<Question> many_questions(int count) {
  std::vector<Question> questions;
  for (int i = 0; i < count; ++i)
    questions.push_back({DnsName::parse("d" + std::to_string(i) + ".example"), RecordType::mx});
  return questions;
}

Question question(const std::string& name, RecordType type = RecordType::mx) {
  return {DnsName::parse(name), type};
}

std::string exchanges(const Answer& answer) {
  std::string text;
  for (const MxRecord& record : answer.mx)
    text += (text.empty() ? "" : ", ") + std::to_string(record.preference) + " " + record.exchange.ascii();
  return text;
}

}  // namespace

TEST_CASE("answers come in the order of the questions, with their records") {
  RealClock clock;
  const test::DnsServer server;
  UnboundResolver resolver(clock, {.servers = {server.address()}, .validate = false});
  const std::vector<Answer> answers = resolver.resolve(std::vector<Question>{
      question("mx.example"), question("mx.example", RecordType::a), question("mx.example", RecordType::aaaa),
      question("many.example"), question("null.example"), question("alias.example"), question("empty.example"),
      question("gone.example")});
  CHECK(answers[0].status == AnswerStatus::ok);
  CHECK(exchanges(answers[0]) == "10 mail.mx.example");
  CHECK(answers[0].security == Security::insecure);
  CHECK(answers[0].ttl == 3600s);
  CHECK_FALSE(answers[0].canonical);
  CHECK(answers[1].addresses.at(0).to_string() == "192.0.2.1");
  CHECK(answers[2].addresses.at(0).to_string() == "2001:db8::1");
  CHECK(exchanges(answers[3]) == "10 y.many.example, 15 x.many.example, 20 z.many.example");
  CHECK(exchanges(answers[4]) == "0 .");
  CHECK(answers[5].canonical->ascii() == "mx.example");
  CHECK(answers[5].status == AnswerStatus::ok);
  CHECK(answers[6].status == AnswerStatus::nodata);
  CHECK(answers[7].status == AnswerStatus::nxdomain);
}

TEST_CASE("SERVFAIL, REFUSED and records that cannot be read are temporary: nothing follows from them") {
  RealClock clock;
  const test::DnsServer server;
  UnboundResolver resolver(clock, {.servers = {server.address()}, .validate = false, .query_timeout = 5s});
  const std::vector<Question> questions{question("fail.example"), question("refuse.example"), question("torn.example")};
  for (const Answer& answer : resolver.resolve(questions)) {
    CHECK(answer.status == AnswerStatus::temporary);
    CHECK_FALSE(answer.reason.empty());
  }
}

TEST_CASE("servers that take the signatures away make answers insecure, not bogus") {
  RealClock clock;
  test::DnsServer server;
  const test::TempDir directory;
  write_new_file(directory / "root.key", root_anchor, {});
  UnboundResolver resolver(
      clock, {.servers = {server.address()}, .trust_anchor = directory / "root.key", .query_timeout = 5s});
  CHECK(resolver.validation() == Validation::on);
  const std::vector<Question> questions{question("mx.example"), question("gone.example")};
  const std::vector<Answer> answers = resolver.resolve(questions);
  CHECK(resolver.validation() == Validation::stripped);
  CHECK(answers[0].status == AnswerStatus::ok);
  CHECK(answers[0].security == Security::insecure);
  CHECK(exchanges(answers[0]) == "10 mail.mx.example");
  CHECK(answers[1].status == AnswerStatus::nxdomain);
  const int before = server.asked("");
  CHECK(resolver.resolve(std::vector<Question>{question("mx.other.example")}).front().status == AnswerStatus::ok);
  CHECK(server.asked("") == before);  // found out once
}

TEST_CASE("signatures that do not fit the trust anchor are not taken for none: nothing is believed") {
  RealClock clock;
  const test::DnsServer server(false, true);
  const test::TempDir directory;
  write_new_file(directory / "root.key", root_anchor, {});
  UnboundResolver resolver(
      clock, {.servers = {server.address()}, .trust_anchor = directory / "root.key", .query_timeout = 5s});
  const Answer answer = resolver.resolve(std::vector<Question>{question("mx.example")}).front();
  CHECK(resolver.validation() == Validation::on);
  CHECK(answer.status == AnswerStatus::temporary);
  CHECK(answer.mx.empty());
  CHECK_THAT(answer.reason, ContainsSubstring("dns.servers"));
}

TEST_CASE("a server that does not know EDNS is asked without") {
  RealClock clock;
  const test::DnsServer server;
  UnboundResolver resolver(clock, {.servers = {server.address()}, .validate = false, .query_timeout = 5s});
  const Answer answer = resolver.resolve(std::vector<Question>{question("plain.example")}).front();
  CHECK(answer.status == AnswerStatus::ok);
  CHECK(exchanges(answer) == "10 mail.plain.example");
}

TEST_CASE("a dead server beside a living one costs no answer") {
  RealClock clock;
  const test::DnsServer dead(true);
  const test::DnsServer living;
  UnboundResolver resolver(clock, {.servers = {dead.address(), living.address()}, .validate = false});
  std::vector<Question> questions;
  for (int i = 0; i < 20; ++i)
    questions.push_back(question("mx.d" + std::to_string(i) + ".example"));
  for (const Answer& answer : resolver.resolve(questions))
    CHECK(answer.status == AnswerStatus::ok);
}

TEST_CASE("a name goes over the wire once, however often it is asked for") {
  RealClock clock;
  test::DnsServer server;
  UnboundResolver resolver(clock, {.servers = {server.address()}, .validate = false});
  const std::vector<Question> twice{question("mx.example"), question("MX.example")};
  const std::vector<Answer> answers = resolver.resolve(twice);
  CHECK(answers.at(0).mx == answers.at(1).mx);
  CHECK_FALSE(answers.at(1).mx.empty());
  CHECK(server.asked("mx.example") == 1);
}

TEST_CASE("dead zones do not take the living ones with them, even if all that is asked first is dead") {
  RealClock clock;
  const test::DnsServer server;
  UnboundResolver resolver(
      clock, {.servers = {server.address()}, .validate = false, .max_in_flight = 5, .query_timeout = 400ms});
  std::vector<Question> questions{question("mx.example"), question("mx.other.example")};
  for (int i = 0; i < 20; ++i)
    questions.push_back(question("silent.d" + std::to_string(i) + ".example"));
  const std::vector<Answer> answers = resolver.resolve(questions);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CAPTURE(i, answers[i].reason);
    CHECK(answers[i].status == (i < 2 ? AnswerStatus::ok : AnswerStatus::temporary));
  }
}

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
  write_new_file(directory / "good", root_anchor, {});
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
  const test::DnsServer server(true);
  std::size_t answered = 0;
  UnboundResolver resolver(clock, {.servers = {server.address()},
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
  const test::DnsServer server(true);
  UnboundResolver resolver(
      clock, {.servers = {server.address()}, .validate = false, .query_timeout = 1min, .batch_timeout = 190ms});
  const auto start = clock.steady_now();
  const Answer answer = resolver.resolve(many_questions(1)).front();
  CHECK(clock.steady_now() - start < 2s);
  CHECK(answer.status == AnswerStatus::temporary);
  CHECK(answer.reason == "no answer from the DNS: the 0.2 s for all lookups are over");
}

TEST_CASE("servers that are dead are not asked again") {
  RealClock clock;
  test::DnsServer server(true);
  UnboundResolver resolver(clock, {.servers = {server.address()}, .validate = false, .query_timeout = 200ms});
  const std::string reason = resolver.resolve(many_questions(1)).front().reason;
  const Answer answer = resolver.resolve(std::vector<Question>{question("mx.example")}).front();
  CHECK(answer.status == AnswerStatus::temporary);
  CHECK(answer.reason == reason);
  CHECK(server.asked("mx.example") == 0);
  CHECK(resolver.resolve({}).empty());
}
