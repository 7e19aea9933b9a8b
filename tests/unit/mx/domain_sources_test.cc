#include "mx/domain_sources.h"

#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using namespace mxcert::mx;

namespace {

std::vector<std::string> names_of(const std::vector<MailDomain>& domains) {
  std::vector<std::string> names;
  for (const MailDomain& domain : domains)
    names.push_back(domain.name.ascii());
  return names;
}

RunProgram printing(std::string output, int exit_status = 0) {
  return [=](const Command&) {
    return ProcessResult{.exit_status = exit_status, .standard_output = output, .standard_error = "no database\n"};
  };
}

const std::vector<std::string> command{"/usr/local/bin/list-domains", "--all"};

std::string failure_code(const RunProgram& run) {
  try {
    domains_from_command(run, command);
  } catch (const Error& e) {
    return e.code();
  }
  return "none";
}

}  // namespace

TEST_CASE("a command prints one domain a line, with comments") {
  std::vector<std::string> arguments;
  const auto list = domains_from_command(
      [&](const Command& run) {
        arguments = run.arguments;
        return ProcessResult{.exit_status = 0,
                             .standard_output =
                                 "# ours\n\n example.com # main\r\nB\xC3\xBC"
                                 "cher.example"};
      },
      command);
  CHECK(arguments == command);
  CHECK(names_of(list.domains) == std::vector<std::string>{"example.com", "xn--bcher-kva.example"});
  CHECK(list.domains[0].source == "/usr/local/bin/list-domains");
  CHECK(list.warnings.empty());
}

TEST_CASE("one line of a command that is no domain stops none of the others") {
  const auto list = domains_from_command(printing("example.com\nexam_ple.net\nlocalhost\n"), command);
  CHECK(names_of(list.domains) == std::vector<std::string>{"example.com"});
  REQUIRE(list.warnings.size() == 2);
  CHECK(list.warnings[0].code == "bad_domain");
  CHECK(list.warnings[0].subject == "exam_ple.net");
  CHECK_THAT(list.warnings[0].message, ContainsSubstring("line 2"));
}

TEST_CASE("a flood of bad lines becomes a few warnings") {
  std::string text = "example.com\n";
  for (int i = 0; i < 10'000; ++i)
    text += "error: no_such table\n";
  CHECK(domains_from_command(printing(text), command).warnings.size() <= 20);
}

TEST_CASE("a command that fails leaves its domains unknown: that is an error, whatever it printed") {
  CHECK(failure_code(printing("example.com\n")) == "none");
  CHECK(failure_code(printing("example.com\n", 3)) == "domain_source");
  CHECK(failure_code(printing("")) == "domain_source");
  CHECK(failure_code(printing("# nothing today\n")) == "domain_source");
  CHECK(failure_code([](const Command&) -> ProcessResult { throw Error("cannot run it"); }) == "domain_source");
  CHECK(failure_code([](const Command&) {
          return ProcessResult{.exit_status = 0, .timed_out = true, .standard_output = "example.com\n"};
        }) == "domain_source");
  CHECK(failure_code([](const Command& run) {
          return ProcessResult{.exit_status = 0, .standard_output = std::string(run.max_output_bytes, '\n')};
        }) == "domain_source");
  CHECK_THROWS_WITH(domains_from_command(printing("", 3), command),
                    ContainsSubstring("list-domains exited with status 3: no database"));
  CHECK_THROWS_AS(domains_from_command([](const Command&) -> ProcessResult { throw Interrupted(); }, command),
                  Interrupted);
}

TEST_CASE("a domain that several sources name is one domain, and all sources are remembered") {
  const auto name = [](const char* text) { return dns::DnsName::parse(text); };
  const auto merged = merge_domains({{name("example.com"), "config"},
                                     {name("example.net"), "config"},
                                     {name("example.com"), "config"},
                                     {name("EXAMPLE.com"), "exim"},
                                     {name("example.com"), "postfix"},
                                     {name("example.com"), "exim"}});
  CHECK(names_of(merged) == std::vector<std::string>{"example.com", "example.net"});
  CHECK(merged[0].source == "config");
  CHECK(merged[0].other_sources == std::vector<std::string>{"exim", "postfix"});
  CHECK(merged[1].other_sources.empty());
}

TEST_CASE("what a mail server calls itself at home is no mail domain, and no warning") {
  DomainCollector collector("postfix");
  for (const char* text :
       {"localhost", "foo", "localhost.localdomain", "LOCALHOST.example.com.", "[192.0.2.1]", "192.0.2.1", "::1"})
    collector.add_unless_local(text, "mydestination");
  collector.add_unless_local("localhosting.example", "mydestination");
  const auto list = std::move(collector).finish();
  CHECK(names_of(list.domains) == std::vector<std::string>{"localhosting.example"});
  CHECK(list.warnings.empty());
}

TEST_CASE("what cannot be listed is told once for each kind and place, with an example and what to do") {
  DomainCollector collector("exim");
  for (const char* pattern : {"*.a.example", "*.b.example", "*.c.example"})
    collector.cannot_list("local_domains", "wildcards", pattern);
  collector.cannot_list("local_domains", "domains behind mysql lookups", "mysql;SELECT");
  const auto list = std::move(collector).finish();
  REQUIRE(list.warnings.size() == 2);
  CHECK(list.warnings[0].code == "domains_unlisted");
  CHECK(list.warnings[1].subject == "exim local_domains");
  CHECK_THAT(list.warnings[1].message, ContainsSubstring("*.a.example, and 2 more"));
  CHECK_THAT(list.warnings[1].message, ContainsSubstring("[domains] list"));
}
