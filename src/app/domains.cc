#include "app/domains.h"

#include <algorithm>
#include <iterator>

#include "app/context.h"
#include "base/error.h"
#include "mx/exim_domains.h"
#include "mx/postfix_domains.h"

namespace mxcert::app {
namespace {

struct MailServer {
  const char* name;
  std::vector<const char*> paths;  // fixed: what runs as root is not looked for
  mx::DomainList (*ask)(const mx::RunProgram& run, const std::string& program);
};

const std::vector<MailServer>& known_servers() {
  static const std::vector<MailServer> servers{
      {"exim", {"/usr/sbin/exim4", "/usr/sbin/exim", "/usr/bin/exim"}, mx::domains_from_exim},
      {"postfix", {"/usr/sbin/postconf", "/usr/bin/postconf"}, mx::domains_from_postfix},
  };
  return servers;
}

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

std::vector<std::string> mail_servers() {
  std::vector<std::string> names;
  for (const MailServer& server : known_servers())
    names.emplace_back(server.name);
  return names;
}

mx::DomainList list_domains(const Context& context) {
  const Config& config = context.config;
  const mx::RunProgram run = [&context](const Command& command) { return run_process(context.clock, command); };
  mx::DomainList all{.domains = config.domains};
  if (!config.domain_command.empty()) append(all, mx::domains_from_command(run, config.domain_command));
  for (const MailServer& server : known_servers())
    if (std::ranges::find(config.domains_from, server.name) != config.domains_from.end())
      append(all, server.ask(run, mx::find_program(server.paths, server.name)));
  if (all.domains.empty() && !config.domains_from.empty() && config.extra_names.empty()) fail_without_domains(all);
  all.domains = mx::merge_domains(std::move(all.domains));
  return all;
}

}  // namespace mxcert::app
