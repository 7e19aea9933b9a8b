#include "issue/resolver_options.h"

#include <fmt/format.h>

namespace mxcert::issue {

dns::UnboundOptions resolver_options(const config::Config& config) {
  return {.servers = config.dns_servers, .trust_anchor = config.trust_anchor};
}

dns::UnboundOptions resolver_options(const config::Config& config, report::ProgressLine& progress) {
  dns::UnboundOptions options = resolver_options(config);
  options.progress = [&progress](std::size_t done, std::size_t total) {
    progress.show(fmt::format("looking up names: {} of {}", done, total));
  };
  return options;
}

}  // namespace mxcert::issue
