#include "mx/exim_domains.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "mx/exim_list.h"

namespace mxcert::mx {
namespace fs = std::filesystem;
namespace {

constexpr const char* lists_of_domains[] = {"local_domains", "relay_to_domains"};
constexpr std::size_t max_depth = 20;
constexpr std::size_t max_file_bytes = 64 << 20;
constexpr std::string_view mark = "mxcert=";  // begins what Exim expanded, so that no error is taken for it

[[noreturn]] void fail_exim(const std::string& message, std::string hint = {}) {
  if (hint.empty()) hint = "nothing is planned without its domains, and what is served stays";
  throw Error("exim: " + message, std::move(hint), "domain_source");
}

std::vector<std::string> entries_of(const std::string& path) {
  std::vector<std::string> names;
  try {
    for (const fs::path& entry : list_directory(path))
      names.push_back(entry.filename());
  } catch (const Error& e) {
    fail_exim(printable(e.message(), 400));
  }
  return names;
}

std::string read_list_file(const std::string& path) {
  try {
    return read_file(path, max_file_bytes);
  } catch (const Error& e) {
    fail_exim(e.message());
  }
}

/// One run's conversation with Exim.
class Exim {
 public:
  Exim(const RunProgram& run, std::string program) : run_(run), program_(std::move(program)) {
    surroundings_.primary_hostname = primary_hostname();
    surroundings_.named_list = [this](const std::string& name) {
      auto list = find_list(name);
      if (!list) fail_exim(fmt::format("there is no domainlist {}", printable(name, 100)));
      return list;
    };
    surroundings_.read_file = read_list_file;
    surroundings_.entries = entries_of;
  }

  /// Nothing when Exim has no such list.
  std::shared_ptr<const EximList> find_list(const std::string& name) {
    if (const auto known = lists_.find(name); known != lists_.end()) return known->second;
    const auto raw = raw_list(name);
    if (!raw) return nullptr;
    if (++depth_ > max_depth) fail_exim(fmt::format("the list {} leads to itself", printable(name, 100)));
    if (mentions_message(*raw)) depending_.insert(name);
    auto list = std::make_shared<const EximList>(parse_exim_list(expand(*raw), surroundings_));
    --depth_;
    return lists_[name] = list;
  }

  /// Which of `names` Exim says are in its list.
  std::vector<std::string> matching(const std::string& list, const std::vector<std::string>& names) {
    if (names.empty()) return {};
    std::string questions;
    for (const std::string& name : names)
      questions += fmt::format("{}${{if match_domain{{\\N{}\\N}}{{+{}}}{{yes}}{{no}}}}\n", mark, name, list);
    const std::vector<std::string> answers = expansions(questions);
    if (answers.size() != names.size()) fail_exim("exim -be does not answer each question");
    std::vector<std::string> found;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (answers[i] == "yes") found.push_back(names[i]);
    return found;
  }

  bool depends_on_message(const std::string& list) const { return depending_.contains(list); }

 private:
  ProcessResult ask(std::vector<std::string> arguments, std::string input = {}) {
    arguments.insert(arguments.begin(), program_);
    return result_of(run_, {.arguments = std::move(arguments), .standard_input = std::move(input)}, "exim");
  }

  std::string primary_hostname() {
    const std::string output = output_of(run_, {.arguments = {program_, "-bP", "primary_hostname"}}, "exim");
    return std::string(trim(std::string_view(output).substr(output.find('=') + 1)));
  }

  /// Host and other lists may have the same name, and are told behind it.
  std::optional<std::string> raw_list(const std::string& name) {
    const ProcessResult answer = ask({"-bP", "+" + name});
    const std::string output = "\n" + answer.standard_output;
    const std::string beginning = "\ndomainlist " + name + " = ";
    const auto at = output.find(beginning);
    if (at == std::string::npos) {
      if (answer.succeeded() || answer.standard_output.starts_with("no ")) return std::nullopt;
      fail_exim(
          fmt::format("{} -bP +{} {}: {}", program_, printable(name, 100), answer.describe(), answer.complaint()));
    }
    std::string text = output.substr(at + beginning.size());
    for (const char* kind : {"host", "address", "localpart"})
      text = text.substr(0, text.find(fmt::format("\n{}list {} = ", kind, name)));
    text = std::string(trim(text));
    if (text == "<value not displayable>") return expand("${listnamed_d:" + name + "}");  // `hide`
    return text;
  }

  /// Whose content differs from domain to domain cannot be listed, though it expands to something.
  static bool mentions_message(const std::string& raw) {
    for (const char* variable :
         {"domain", "local_part", "sender_", "recipient", "authenticated_", "interface_", "received_"})
      for (const char* dollar : {"$", "${"})
        if (raw.find(std::string(dollar) + variable) != std::string::npos) return true;
    return false;
  }

  std::string expand(std::string raw) {
    if (raw.find_first_of("\\$") == std::string::npos) return raw;
    for (auto at = raw.find('\n'); at != std::string::npos; at = raw.find('\n', at))
      raw.replace(at, 1, "\\n");
    const std::vector<std::string> expanded = expansions(fmt::format("{}{}\n", mark, raw));
    return join(expanded, "\n");
  }

  /// Exim answers behind a prompt, a line for each line, and goes on after errors.
  std::vector<std::string> expansions(const std::string& questions) {
    const ProcessResult answer = ask({"-be"}, questions);
    if (!answer.succeeded()) fail_exim(fmt::format("{} -be {}: {}", program_, answer.describe(), answer.complaint()));
    std::vector<std::string> texts;
    for (std::string_view line : split(answer.standard_output, '\n')) {
      while (line.starts_with("> "))
        line.remove_prefix(2);
      if (line.starts_with(mark)) {
        texts.emplace_back(line.substr(mark.size()));
      } else if (line.starts_with("Failed: ")) {
        fail_exim(fmt::format("it cannot expand a list of domains: {}", printable(line.substr(8), 300)));
      } else if (!trim(line).empty() && !texts.empty()) {
        texts.back() += "\n" + std::string(line);  // a line break in a list
      }
    }
    return texts;
  }

  const RunProgram& run_;
  std::string program_;
  EximSurroundings surroundings_;
  std::map<std::string, std::shared_ptr<const EximList>> lists_;
  std::set<std::string> depending_;
  std::size_t depth_ = 0;
};

/// What may stand in an expansion as it is.
bool is_plain(std::string_view name) {
  return std::ranges::all_of(
      name, [](unsigned char c) { return c >= 0x80 || std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_'; });
}

void add_list(DomainCollector& collector, Exim& exim, const std::string& name, const EximList& list) {
  std::set<std::string> candidates;
  collect_names(list, candidates);
  std::vector<std::string> unsure;
  for (const std::string& candidate : candidates) {
    const EximMatch match = exim_list_matches(list, candidate);
    if (match == EximMatch::no) continue;
    if (match == EximMatch::only_exim_knows && is_plain(candidate)) {
      unsure.push_back(candidate);
    } else {
      collector.add_unless_local(candidate, name);
    }
  }
  for (const std::string& domain : exim.matching(name, unsure))
    collector.add_unless_local(domain, name);
  bool told = false;
  tell_unlistable(list, [&](const std::string& what, const std::string& example) {
    collector.cannot_list(name, what, example);
    told = true;
  });
  if (!told && exim.depends_on_message(name))
    collector.cannot_list(name, "domains that depend on the message", "the list has variables such as $domain");
}

}  // namespace

DomainList domains_from_exim(const RunProgram& run, const std::string& program) {
  Exim exim(run, program);
  DomainCollector collector("exim");
  bool any = false;
  for (const char* name : lists_of_domains) {
    const auto list = exim.find_list(name);
    if (!list) continue;
    add_list(collector, exim, name, *list);
    any = true;
  }
  if (!any)
    fail_exim("its configuration has neither a domainlist local_domains nor relay_to_domains",
              "name the domains in [domains] list, files or command");
  return std::move(collector).finish();
}

}  // namespace mxcert::mx
