#include "mx/domain_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "dns/address.h"

namespace mxcert::mx {
namespace {

constexpr std::chrono::seconds longest_run{120};
constexpr std::size_t max_output_bytes = 64 << 20;
constexpr std::size_t max_bad_domains = 20;  // of one source: more are of one kind, and nobody reads them

/// What every mail server calls itself beside its real names; no sender elsewhere can mean it.
bool is_local_only(std::string_view text) {
  if (text.empty() || text.front() == '[' || dns::IpAddress::find(text)) return true;
  if (text.ends_with('.')) text.remove_suffix(1);
  return text.find('.') == std::string_view::npos || to_lower_ascii(text.substr(0, 10)) == "localhost.";
}

[[noreturn]] void fail_source(std::string message) {
  throw Error(std::move(message),
              "nothing is planned without its domains, and what is served stays; run the program by hand to see more",
              "domain_source");
}

ProcessResult start(const RunProgram& run, const Command& command, std::string_view source) {
  try {
    return run(command);
  } catch (const Error& e) {
    fail_source(fmt::format("{}: {}", source, e.message()));
  }
}

}  // namespace

std::vector<MailDomain> merge_domains(std::vector<MailDomain> domains) {
  std::vector<MailDomain> merged;
  std::map<dns::DnsName, std::size_t> places;
  for (MailDomain& domain : domains) {
    const auto [place, is_new] = places.emplace(domain.name, merged.size());
    if (is_new) {
      merged.push_back(std::move(domain));
      continue;
    }
    MailDomain& first = merged[place->second];
    if (domain.source != first.source &&
        std::ranges::find(first.other_sources, domain.source) == first.other_sources.end())
      first.other_sources.push_back(std::move(domain.source));
  }
  return merged;
}

void DomainCollector::add(std::string_view text, std::string_view place) {
  try {
    list_.domains.push_back({dns::DnsName::parse(text), source_});
  } catch (const Error& e) {
    if (++bad_ > max_bad_domains) return;
    list_.warnings.push_back({.code = "bad_domain",
                              .subject = printable(text, 300),
                              .message = fmt::format("{}: {}: {}: it is left out", source_, place, e.message())});
  }
}

void DomainCollector::add_unless_local(std::string_view text, std::string_view place) {
  if (!is_local_only(text)) return add(text, place);
  log::debug(fmt::format("{}: {}: {} is no mail domain for others", source_, place, printable(text, 100)));
}

void DomainCollector::cannot_list(const std::string& place, const std::string& kind, std::string_view example) {
  Unlisted& unlisted = unlisted_[{place, kind}];
  if (unlisted.count++ == 0) unlisted.example = printable(example, 100);
}

DomainList DomainCollector::finish() && {
  for (const auto& [where, unlisted] : unlisted_) {
    const auto& [place, kind] = where;
    const std::string example =
        unlisted.count == 1 ? unlisted.example : fmt::format("{}, and {} more", unlisted.example, unlisted.count - 1);
    list_.warnings.push_back(
        {.code = "domains_unlisted",
         .subject = fmt::format("{} {}", source_, place),
         .message = fmt::format("{}: {}: {} cannot be listed ({}): name these domains in [domains] list, files or "
                                "command",
                                source_, place, kind, example)});
  }
  return std::move(list_);
}

ProcessResult result_of(const RunProgram& run, Command command, std::string_view source) {
  command.environment = {{"PATH", system_path()}, {"LC_ALL", "C"}};
  command.timeout = longest_run;
  command.max_output_bytes = max_output_bytes + 1;
  ProcessResult result = start(run, command, source);
  const std::string program = printable(command.arguments.at(0), 200);
  if (result.timed_out)
    fail_source(fmt::format("{}: {} did not end within {} s", source, program, longest_run.count()));
  if (result.standard_output.size() > max_output_bytes)
    fail_source(fmt::format("{}: {} printed more than {} MiB", source, program, max_output_bytes >> 20));
  return result;
}

std::string output_of(const RunProgram& run, Command command, std::string_view source) {
  const std::string program = printable(command.arguments.at(0), 200);
  ProcessResult result = result_of(run, std::move(command), source);
  const std::string said = result.complaint();
  if (!result.succeeded())
    fail_source(fmt::format("{}: {} {}{}{}", source, program, result.describe(), said.empty() ? "" : ": ", said));
  return std::move(result.standard_output);
}

std::string find_program(std::span<const char* const> paths, std::string_view source) {
  for (const char* path : paths)
    if (path_exists(path)) return path;
  throw Error(fmt::format("{} is not installed: there is no {}", source, paths.front()),
              fmt::format("take {} out of [domains] from, or --from", source), "domain_source");
}

DomainList domains_from_command(const RunProgram& run, const std::vector<std::string>& command) {
  DomainCollector collector(command.at(0));
  const std::string output = output_of(run, {.arguments = command}, "[domains] command");
  bool any = false;
  std::size_t number = 0;
  for (std::string_view line : split(output, '\n')) {
    ++number;
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    collector.add(line, fmt::format("line {}", number));
    any = true;
  }
  if (!any) fail_source(fmt::format("[domains] command: {} printed no domain", printable(command.at(0), 200)));
  return std::move(collector).finish();
}

}  // namespace mxcert::mx
