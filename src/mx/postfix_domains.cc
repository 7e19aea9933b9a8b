#include "mx/postfix_domains.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace mxcert::mx {
namespace {

constexpr const char* parameters[] = {"mydestination", "virtual_mailbox_domains", "virtual_alias_domains",
                                      "relay_domains"};
constexpr const char* listable_types[] = {"hash", "btree", "dbm", "sdbm", "lmdb", "texthash", "inline"};
constexpr std::size_t max_depth = 20;
constexpr std::size_t max_file_bytes = 64 << 20;
constexpr std::size_t cdb_header_bytes = 2048;

[[noreturn]] void fail_postfix(const std::string& message) {
  throw Error("postfix: " + message, "nothing is planned without its domains, and what is served stays",
              "domain_source");
}

std::string read_list_file(const std::string& path) {
  try {
    return read_file(path, max_file_bytes);
  } catch (const Error& e) {
    fail_postfix(e.message());
  }
}

/// What one parameter names, read from the left: the first element that matches a name decides.
class Reader {
 public:
  Reader(const RunProgram& run, std::string postmap, std::string parameter, DomainCollector& collector)
      : run_(run), postmap_(std::move(postmap)), parameter_(std::move(parameter)), collector_(collector) {}

  void read(std::string_view list, bool list_excludes = false) {
    if (++depth_ > max_depth) fail_postfix(parameter_ + " leads through too many files");
    for (const std::string& element : split_postfix_list(list)) {
      std::string_view text = element;
      bool excludes = list_excludes;
      for (; text.starts_with('!'); text.remove_prefix(1))
        excludes = !excludes;
      if (text.starts_with('/')) {
        read_file_of_elements(std::string(text), excludes);
      } else if (text.find(':') != std::string_view::npos && !text.starts_with('[')) {
        read_table(std::string(text), excludes);
      } else {
        take(text, excludes);
      }
    }
    --depth_;
  }

 private:
  void read_file_of_elements(const std::string& path, bool excludes) {
    const std::string text = read_list_file(path);
    std::string elements;
    for (const std::string_view line : split(text, '\n'))
      if (!trim(line).starts_with('#')) elements += std::string(line) + "\n";
    read(elements, excludes);
  }

  void take(std::string_view text, bool excludes) {
    const std::string name = to_lower_ascii(text);
    if (name.starts_with('.')) {
      if (!excludes) collector_.cannot_list(parameter_, "subdomains", text);
    } else if (excludes) {
      excluded_.insert(name);
    } else if (!excluded_.contains(name)) {
      collector_.add_unless_local(name, parameter_);
    }
  }

  void take_keys(const std::vector<std::string>& keys, bool excludes) {
    for (const std::string& key : keys)
      if (key.find('@') == std::string::npos) take(key, excludes);
  }

  void read_table(std::string table, bool excludes) {
    const std::string whole = table;
    if (table.starts_with("proxy:")) table.erase(0, 6);  // a server that reads the same table for others
    const std::string type = table.substr(0, table.find(':'));
    if (type == "cdb") return take_keys(cdb_keys(read_list_file(table.substr(4) + ".cdb")), excludes);
    if (std::ranges::find(listable_types, type) != std::end(listable_types)) return take_keys(listed(table), excludes);
    collector_.cannot_list(
        parameter_, fmt::format("{} {} tables", excludes ? "exclusions by" : "domains in", printable(type, 30)), whole);
  }

  std::vector<std::string> listed(const std::string& table) {
    std::vector<std::string> keys;
    const std::string output = output_of(run_, {.arguments = {postmap_, "-s", table}}, "postfix");
    for (const std::string_view line : split(output, '\n'))
      if (!line.empty()) keys.emplace_back(line.substr(0, line.find('\t')));
    return keys;
  }

  const RunProgram& run_;
  std::string postmap_;
  std::string parameter_;
  DomainCollector& collector_;
  std::set<std::string> excluded_;
  std::size_t depth_ = 0;
};

std::size_t number_at(std::string_view file, std::size_t at) {
  std::size_t number = 0;
  for (std::size_t i = 4; i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(file[at + i]);
  return number;
}

}  // namespace

std::vector<std::string> split_postfix_list(std::string_view list) {
  std::vector<std::string> elements;
  std::string element;
  int braces = 0;
  for (const char c : list) {
    const bool separates = c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (c == '{') ++braces;
    if (c == '}' && braces > 0) --braces;
    if (!separates || braces > 0) {
      element += c;
    } else if (!element.empty()) {
      elements.push_back(std::exchange(element, {}));
    }
  }
  if (!element.empty()) elements.push_back(element);
  return elements;
}

std::vector<std::string> cdb_keys(std::string_view file) {
  std::vector<std::string> keys;
  if (file.size() < cdb_header_bytes) return keys;
  // The hash tables stand behind the records, and the header says where each is.
  std::size_t end = file.size();
  for (std::size_t at = 0; at < cdb_header_bytes; at += 8)
    end = std::min(end, number_at(file, at));
  for (std::size_t at = cdb_header_bytes; at + 8 <= end;) {
    const std::size_t key_bytes = number_at(file, at);
    const std::size_t data_bytes = number_at(file, at + 4);
    if (key_bytes + data_bytes > end - at - 8) break;
    std::string_view key = file.substr(at + 8, key_bytes);
    if (key.ends_with('\0')) key.remove_suffix(1);
    keys.emplace_back(key);
    at += 8 + key_bytes + data_bytes;
  }
  return keys;
}

DomainList domains_from_postfix(const RunProgram& run, const std::string& postconf) {
  DomainCollector collector("postfix");
  Command command{.arguments = {postconf, "-x"}};
  command.arguments.insert(command.arguments.end(), std::begin(parameters), std::end(parameters));
  const std::string output = output_of(run, std::move(command), "postfix");
  const std::string postmap = (std::filesystem::path(postconf).parent_path() / "postmap").string();
  for (const char* parameter : parameters) {
    const std::string beginning = fmt::format("\n{} =", parameter);
    const auto at = ("\n" + output).find(beginning);
    if (at == std::string::npos) fail_postfix(fmt::format("postconf does not tell {}", parameter));
    const std::string_view rest = std::string_view(output).substr(at + beginning.size() - 1);
    Reader(run, postmap, parameter, collector).read(rest.substr(0, rest.find('\n')));
  }
  return std::move(collector).finish();
}

}  // namespace mxcert::mx
