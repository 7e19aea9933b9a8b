#include "mx/postfix_domains.h"

#include <map>

#include "base/error.h"
#include "base/files.h"
#include "catch.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::mx;
using Names = std::vector<std::string>;

namespace {

/// A Postfix with these parameters and tables.
struct FakePostfix {
  std::map<std::string, std::string> parameters{
      {"mydestination", ""}, {"virtual_mailbox_domains", ""}, {"virtual_alias_domains", ""}, {"relay_domains", ""}};
  std::map<std::string, std::string> tables;  // as postmap -s prints them
  test::TempDir dir;

  ProcessResult operator()(const Command& command) const {
    if (command.arguments.at(0) == "/usr/sbin/postmap") {
      const auto table = tables.find(command.arguments.at(2));
      if (table == tables.end()) return {.exit_status = 1, .standard_error = "postmap: fatal: open database\n"};
      return {.exit_status = 0, .standard_output = table->second};
    }
    std::string output;
    for (const auto& [name, value] : parameters)
      output += name + " =" + (value.empty() ? "" : " ") + value + "\n";
    return {.exit_status = 0, .standard_output = output};
  }

  DomainList domains() {
    return domains_from_postfix([this](const Command& command) { return (*this)(command); }, "/usr/sbin/postconf");
  }
  Names names() {
    Names found;
    for (const MailDomain& domain : domains().domains)
      found.push_back(domain.name.ascii());
    return found;
  }
};

std::string number(std::size_t value) {
  std::string text;
  for (int i = 0; i < 4; ++i, value >>= 8)
    text += static_cast<char>(value & 0xFF);
  return text;
}

/// Records without the hash tables, which only searching needs.
std::string cdb_of(const Names& keys) {
  std::string records;
  for (const std::string& key : keys)
    records += number(key.size() + 1) + number(1) + key + std::string(1, '\0') + "x";
  std::string header;
  for (int i = 0; i < 256; ++i)
    header += number(2048 + records.size()) + number(0);
  return header + records;
}

}  // namespace

TEST_CASE_METHOD(FakePostfix, "all four parameters count, and what is local does not") {
  parameters = {{"mydestination", "mx.example.com, foo, localhost.localdomain, localhost, [192.0.2.1]"},
                {"virtual_mailbox_domains", "box.example"},
                {"virtual_alias_domains", "Alias.example other.example"},
                {"relay_domains", "relay.example"}};
  CHECK(names() == Names{"mx.example.com", "box.example", "alias.example", "other.example", "relay.example"});
  CHECK(domains().domains[0].source == "postfix");
  CHECK(domains().warnings.empty());
}

TEST_CASE_METHOD(FakePostfix, "tables are listed; addresses in them are no domains") {
  tables["hash:/etc/postfix/virtual"] = "a.example\tx\nuser@b.example\ty\n@c.example\tz\npostmaster\troot\n";
  tables["inline:{d.example=x, {e.example = k l}}"] = "d.example\tx\ne.example\tk l\n";
  parameters["virtual_alias_domains"] = "hash:/etc/postfix/virtual, inline:{d.example=x, {e.example = k l}}";
  parameters["relay_domains"] = "proxy:hash:/etc/postfix/virtual";
  CHECK(names() == Names{"a.example", "d.example", "e.example", "a.example"});
  CHECK(domains().warnings.empty());
}

TEST_CASE_METHOD(FakePostfix, "a table that cannot be listed is told, and stops nothing") {
  parameters["relay_domains"] = "a.example mysql:/etc/postfix/sql.cf pcre:/etc/postfix/re .sub.example !ldap:no";
  CHECK(names() == Names{"a.example"});
  std::string told;
  for (const Warning& warning : domains().warnings) {
    CHECK(warning.code == "domains_unlisted");
    CHECK(warning.subject == "postfix relay_domains");
    told += warning.message + "\n";
  }
  for (const char* item : {"mysql:/etc/postfix/sql.cf", "pcre tables", ".sub.example", "exclusions by ldap"})
    CHECK_THAT(told, ContainsSubstring(item));
}

TEST_CASE_METHOD(FakePostfix, "files stand for their elements, and exclusions hold for what follows them") {
  const auto file = (dir / "list").string();
  write_file_atomically(file, "# ours\none.example two.example\n!three.example\n", {.mode = 0644});
  parameters["mydestination"] = "before.example !before.example !no.example " + file + " three.example no.example";
  CHECK(names() == Names{"before.example", "one.example", "two.example"});
  parameters["mydestination"] = "!" + file + " one.example";
  CHECK(names() == Names{"three.example"});
  parameters["mydestination"] = "/no/such/file";
  CHECK_THROWS_WITH(domains(), ContainsSubstring("/no/such/file"));
  write_file_atomically(file, file, {.mode = 0644});
  parameters["mydestination"] = file;
  CHECK_THROWS_AS(domains(), Error);
}

TEST_CASE_METHOD(FakePostfix, "a table that is not there is an error: what is in it is not known") {
  parameters["relay_domains"] = "a.example hash:/etc/postfix/none";
  CHECK_THROWS_WITH(domains(), ContainsSubstring("open database"));
  parameters["relay_domains"] = "cdb:/no/such/table";
  CHECK_THROWS_WITH(domains(), ContainsSubstring("/no/such/table.cdb"));
  parameters.erase("relay_domains");
  CHECK_THROWS_WITH(domains(), ContainsSubstring("relay_domains"));
}

TEST_CASE_METHOD(FakePostfix, "a cdb table, which postmap cannot list, is read") {
  write_file_atomically(dir / "table.cdb", cdb_of({"a.example", "user@b.example", "c.example"}), {.mode = 0644});
  parameters["relay_domains"] = "cdb:" + (dir / "table").string();
  CHECK(names() == Names{"a.example", "c.example"});
}

TEST_CASE("a damaged cdb file ends where it makes no sense") {
  const std::string file = cdb_of({"a.example", "b.example"});
  CHECK(cdb_keys(file) == Names{"a.example", "b.example"});
  CHECK(cdb_keys("").empty());
  CHECK(cdb_keys(std::string(3000, '\xFF')).empty());
  for (std::size_t size = 0; size < file.size(); ++size)
    CHECK(cdb_keys(std::string_view(file).substr(0, size)).size() < 2);
}
