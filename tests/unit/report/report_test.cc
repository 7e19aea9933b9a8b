#include "report/report.h"

#include <stdexcept>

#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::report;
using Action = CertificateOutcome::Action;
using Result = CertificateOutcome::Result;

namespace {

std::string line_of(CertificateOutcome outcome) {
  Report report;
  report.add(std::move(outcome));
  return to_text(report, SystemTime{});
}

}  // namespace

TEST_CASE("a warning that the plan's text has is not told again, one from before the plan is") {
  Report report;
  report.add_warning({.code = "challenge_left", .subject = "a", .message = "left behind"});
  report.add_told_warning({.code = "name_kept", .subject = "b", .message = "kept"});
  CHECK(report.warnings().size() == 2);
  REQUIRE(report.untold_warnings().size() == 1);
  CHECK(report.untold_warnings().front().code == "challenge_left");
}

TEST_CASE("what one certificate has to say is added behind what others had") {
  Report all;
  all.add_error({.code = "a", .subject = "", .message = ""});
  Report one;
  one.add_error({.code = "b", .subject = "", .message = ""});
  one.add_told_warning({.code = "c", .subject = "", .message = ""});
  one.add({.name = "mx.example.com"});
  all.append(std::move(one));
  CHECK(all.errors().size() == 2);
  CHECK(all.errors().back().code == "b");
  CHECK(all.warnings().size() == 1);
  CHECK(all.untold_warnings().empty());
  CHECK(all.outcomes().size() == 1);
}

TEST_CASE("what one certificate throws is its error, and the others are done") {
  Report report;
  std::vector<std::string> done;
  for (const std::string name : {"a.example", "b.example", "c.example", "d.example"}) {
    const bool worked = attempt(report, name, [&] {
      if (name == "a.example") throw Error("no room", "make some", "system");
      if (name == "b.example") throw std::runtime_error("unheard of");
      if (name == "c.example") throw std::bad_alloc();
      done.push_back(name);
    });
    CHECK(worked == (name == "d.example"));
  }
  CHECK(done == std::vector<std::string>{"d.example"});
  REQUIRE(report.errors().size() == 3);
  CHECK(report.errors()[0].subject == "a.example");
  CHECK(report.errors()[0].message == "a.example: no room");
  CHECK(report.errors()[0].hint == "make some");
  CHECK(report.errors()[0].code == "system");
  CHECK_THAT(report.errors()[1].message, ContainsSubstring("b.example: ") && ContainsSubstring("unheard of"));
  CHECK(report.errors()[1].code == "unexpected");
  CHECK(report.errors()[2].message == "c.example: there is not enough memory");
}

TEST_CASE("the context of an attempt can say more than the subject") {
  Report report;
  CHECK_FALSE(attempt(report, "a.example", "a.example: exim", [] { throw Error("no room"); }));
  CHECK(report.errors().at(0).subject == "a.example");
  CHECK(report.errors().at(0).message == "a.example: exim: no room");
}

TEST_CASE("a stop ends an attempt, and is no error of a certificate") {
  Report report;
  CHECK_THROWS_AS(attempt(report, "a.example", [] { throw Interrupted(); }), Interrupted);
  CHECK_FALSE(report.failed());
}

TEST_CASE("each result has a line of its own for people, and a word for machines") {
  const CertificateOutcome outcome{.name = "mx", .names = {"mx"}, .action = Action::rollback, .version = "0002"};
  const auto with = [&](Result result) {
    CertificateOutcome other = outcome;
    other.result = result;
    return line_of(other);
  };
  CHECK(with(Result::unchanged) == "mx: nothing is due\n");
  CHECK(with(Result::waiting) == "mx: left alone for now, after a failure\n");
  CHECK(with(Result::issued) == "mx: issued version 0002 for 1 name\n");
  CHECK(with(Result::deployed) == "mx: deployed version 0002\n");
  CHECK(with(Result::rolled_back) == "mx: rolled back to version 0002\n");
  CHECK(with(Result::withdrawn) == "mx: withdrawn version 0002\n");
  CHECK(with(Result::placeholder) == "mx: placeholder version 0002\n");
  CHECK(with(Result::planned) == "mx: would roll back to version 0002\n");
  CHECK(with(Result::failed) == "mx: failed, version 0002 stays\n");
  CHECK(to_string(Result::rolled_back) == "rolled_back");
  CHECK(to_string(Action::withdraw) == "withdraw");
  CHECK(to_action(mx::Action::replace) == Action::replace);
}
