#include "issue/domains.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "mx/mail_servers.h"

namespace mxcert::issue {
namespace {

void append(mx::DomainList& all, mx::DomainList some) {
  std::ranges::move(some.domains, std::back_inserter(all.domains));
  std::ranges::move(some.warnings, std::back_inserter(all.warnings));
}

/// What could not be listed is the only thing to say then.
[[noreturn]] void fail_without_domains(const mx::DomainList& list) {
  throw Error("no source names a mail domain",
              list.warnings.empty() ? "name them in [domains] list, files or command" : list.warnings.front().message,
              "domain_source");
}

}  // namespace

mx::DomainList list_domains(const config::Config& config, Clock& clock) {
  const mx::RunProgram run_program = [&clock](const Command& command) { return run_process(clock, command); };
  mx::DomainList all{.domains = config.domains};
  if (!config.domain_command.empty()) append(all, mx::domains_from_command(run_program, config.domain_command));
  for (const std::string& server : mx::mail_servers())
    if (std::ranges::find(config.domains_from, server) != config.domains_from.end())
      append(all, mx::domains_from_server(run_program, server));
  if (all.domains.empty() && !config.domains_from.empty() && config.extra_names.empty()) fail_without_domains(all);
  all.domains = mx::merge_domains(std::move(all.domains));
  return all;
}

}  // namespace mxcert::issue
