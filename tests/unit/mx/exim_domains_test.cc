#include "mx/exim_domains.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "catch.h"
#include "mx/exim_list.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::mx;
using Names = std::vector<std::string>;

namespace {

/// An Exim that has these named lists, and expands and answers what is in its tables.
struct FakeExim {
  std::map<std::string, std::string> lists;       // raw, as -bP prints them
  std::map<std::string, std::string> expansions;  // of a raw list
  Names taken;                                    // what match_domain says yes to
  Names asked;
  test::TempDir dir;

  std::string file(const std::string& name, const std::string& text) const {
    write_file_atomically(dir / name, text, {.mode = 0644});
    return (dir / name).string();
  }

  ProcessResult operator()(const Command& command) {
    const Names& arguments = command.arguments;
    if (arguments.at(1) == "-be") return {.exit_status = 0, .standard_output = expand(command.standard_input)};
    const std::string& what = arguments.at(2);
    if (what == "primary_hostname") return {.exit_status = 0, .standard_output = "primary_hostname = mx.example.com\n"};
    const auto list = lists.find(what.substr(1));
    if (list == lists.end())
      return {.exit_status = 1,
              .standard_output = "no address, domain, host, or local part list called \"x\" exists\n"};
    return {.exit_status = 0, .standard_output = "domainlist " + list->first + " = " + list->second + "\n"};
  }

  std::string expand(const std::string& input) {
    std::string output;
    std::string_view rest = input;
    while (!rest.empty()) {
      const std::string line(rest.substr(0, rest.find('\n')));
      rest.remove_prefix(line.size() + 1);
      const std::string raw = line.substr(std::string("mxcert=").size());
      output += "> ";
      if (raw.starts_with("${if match_domain{\\N")) {
        const auto begin = raw.find("\\N") + 2;
        asked.push_back(raw.substr(begin, raw.find("\\N", begin) - begin));
        output += std::ranges::find(taken, asked.back()) != taken.end() ? "mxcert=yes\n" : "mxcert=no\n";
      } else {
        output += expansions.contains(raw) ? "mxcert=" + expansions.at(raw) + "\n" : "Failed: unknown variable\n";
      }
    }
    return output + "> \n";
  }

  DomainList domains() {
    return domains_from_exim([this](const Command& command) { return (*this)(command); }, "/usr/sbin/exim4");
  }
  Names names() {
    Names found;
    for (const MailDomain& domain : domains().domains)
      found.push_back(domain.name.ascii());
    return found;
  }
  /// The kinds of what cannot be listed, and the examples.
  std::string unlisted() {
    std::string text;
    for (const Warning& warning : domains().warnings)
      if (warning.code == "domains_unlisted") text += warning.message + "\n";
    return text;
  }
};

}  // namespace

TEST_CASE_METHOD(FakeExim, "Debian's list: the host's own name, what is local is left out, other domains") {
  lists["local_domains"] = "@:localhost:example.net: EXAMPLE.org:foo";
  lists["relay_to_domains"] = "relay.example";
  CHECK(names() == Names{"example.net", "example.org", "mx.example.com", "relay.example"});
  CHECK(domains().domains[0].source == "exim");
  CHECK(unlisted().empty());
}

TEST_CASE_METHOD(FakeExim, "either list will do, none of them is an error") {
  lists["relay_to_domains"] = "relay.example";
  CHECK(names() == Names{"relay.example"});
  lists.clear();
  CHECK_THROWS_WITH(domains(), ContainsSubstring("neither a domainlist local_domains nor relay_to_domains"));
}

TEST_CASE_METHOD(FakeExim, "lists refer to lists, with and without exclamation mark, in their order") {
  lists["local_domains"] = "!+not_here : +customers : !a.example : a.example : b.example";
  lists["customers"] = "!except.example : one.example : two.example : except.example";
  lists["not_here"] = "two.example : !b.example : other.example";
  CHECK(names() == Names{"b.example", "one.example"});
}

TEST_CASE_METHOD(FakeExim, "a list that leads to itself, or nowhere, is an error") {
  lists["local_domains"] = "+again";
  lists["again"] = "a.example : +again";
  CHECK_THROWS_WITH(domains(), ContainsSubstring("leads to itself"));
  lists["again"] = "+nosuch";
  CHECK_THROWS_WITH(domains(), ContainsSubstring("there is no domainlist nosuch"));
}

TEST_CASE_METHOD(FakeExim, "files are read as Exim reads them") {
  const auto plain = file("plain", "# ours\none.example   # first\n\n  two.example\n!no.example\n");
  const auto keys =
      file("keys", "# comment\nthree.example: x\n  continued.example\n\"four.example\" : y\nfive.example\n*: all\n");
  const auto wild = file("wild", "six.example\n*.seven.example\n^.*eight\n");
  const auto partial = file("partial", "*.nine.example: x\nten.example\n");
  std::filesystem::create_directory(dir / "each");
  file("each/eleven.example", "");
  file("each/Upper.example", "");  // never found: Exim asks in lower case
  lists["local_domains"] = plain + " : lsearch;" + keys + " : no.example : wildlsearch;" + wild +
                           " : partial-lsearch;" + partial + " : dsearch,filter=file;" + (dir / "each").string();
  CHECK(names() == Names{"eleven.example", "five.example", "four.example", "nine.example", "one.example", "six.example",
                         "ten.example", "three.example", "two.example"});
  CHECK_THAT(unlisted(), ContainsSubstring("*.nine.example, and 1 more"));
  CHECK_THAT(unlisted(), ContainsSubstring("regular expression cannot be listed (^.*eight)"));
  CHECK_THAT(unlisted(), !ContainsSubstring("all domains"));
  lists["local_domains"] = "lsearch*;" + keys;
  CHECK_THAT(unlisted(), ContainsSubstring("all domains"));
}

TEST_CASE_METHOD(FakeExim, "a file that cannot be read is an error: what is in it is not known") {
  for (const char* item : {"/no/such/file", "lsearch;/no/such/file", "dsearch;/no/such/folder"}) {
    lists["local_domains"] = std::string("a.example : ") + item;
    CHECK_THROWS_WITH(domains(), ContainsSubstring("/no/such/"));
  }
}

TEST_CASE_METHOD(FakeExim, "what has no list is told, once for each kind, and stops nothing") {
  lists["local_domains"] =
      "a.example : mysql;SELECT 1 : *.wild.example : ^re : @[] : @mx_any/ignore=127.0.0.1 : cdb;/etc/x : !pgsql;no";
  CHECK(names() == Names{"a.example"});
  const std::string told = unlisted();
  for (const char* item : {"mysql lookups", "*.wild.example", "(^re)", "their MX leads here", "cdb lookups"})
    CHECK_THAT(told, ContainsSubstring(item));
  CHECK_THAT(told, !ContainsSubstring("@[]"));
  CHECK_THAT(told, !ContainsSubstring("pgsql"));
  CHECK_THAT(told, ContainsSubstring("all domains"));  // for it ends with an exclusion
}

TEST_CASE_METHOD(FakeExim, "behind an exclusion that only Exim understands, Exim is asked") {
  lists["local_domains"] = "before.example : !mysql;SELECT : in.example : out.example";
  taken = {"in.example"};
  CHECK(names() == Names{"before.example", "in.example"});
  CHECK(asked == Names{"in.example", "out.example"});
}

TEST_CASE_METHOD(FakeExim, "a list with expansions is expanded by Exim; one that fails is an error") {
  lists["local_domains"] = "${lookup mysql{SELECT domain}}";
  expansions["${lookup mysql{SELECT domain}}"] = "a.example : \nb.example";
  CHECK(names() == Names{"a.example", "b.example"});
  CHECK(unlisted().empty());
  expansions.clear();
  CHECK_THROWS_WITH(domains(), ContainsSubstring("unknown variable"));
  lists["local_domains"] = "${lookup{$domain}lsearch{/x}{$domain}}";
  expansions[lists["local_domains"]] = "";
  CHECK_THAT(unlisted(), ContainsSubstring("depend on the message"));
}

TEST_CASE_METHOD(FakeExim, "a list that is hidden is told by another way") {
  lists["local_domains"] = "<value not displayable>";
  expansions["${listnamed_d:local_domains}"] = "a.example";
  CHECK(names() == Names{"a.example"});
}

TEST_CASE("elements of a list are separated as the list says") {
  CHECK(split_exim_list(" a : b::c : : d ") == Names{"a", "b:c", "d"});
  CHECK(split_exim_list("<; a ; ::1 ;; b") == Names{"a", "::1 ; b"});
  CHECK(split_exim_list("<\n a \nb") == Names{"a", "b"});
  CHECK(split_exim_list("").empty());
}

TEST_CASE_METHOD(FakeExim, "a hundred thousand domains with subdomains are no work") {
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += "*.d" + std::to_string(i) + ".example: x\n";
  lists["local_domains"] = "partial-lsearch;" + file("many", text);
  CHECK(names().size() == 100'000);
}

TEST_CASE_METHOD(FakeExim, "an Exim that does not answer is an error") {
  CHECK_THROWS_AS(domains_from_exim([](const Command&) { return ProcessResult{.exit_status = 1}; }, "/usr/sbin/exim4"),
                  Error);
}
