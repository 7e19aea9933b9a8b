#include "app/domains.h"

#include <algorithm>
#include <iterator>

#include "app/context.h"

namespace mxcert::app {
namespace {

void append(mx::DomainList& all, mx::DomainList some) {
  std::ranges::move(some.domains, std::back_inserter(all.domains));
  std::ranges::move(some.warnings, std::back_inserter(all.warnings));
}

}  // namespace

mx::DomainList list_domains(const Context& context) {
  const Config& config = context.config;
  const mx::RunProgram run = [&context](const Command& command) { return run_process(context.clock, command); };
  mx::DomainList all{.domains = config.domains};
  if (!config.domain_command.empty()) append(all, mx::domains_from_command(run, config.domain_command));
  all.domains = mx::merge_domains(std::move(all.domains));
  return all;
}

}  // namespace mxcert::app
