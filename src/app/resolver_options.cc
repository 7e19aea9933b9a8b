#include "app/resolver_options.h"

#include <fmt/format.h>

#include "app/context.h"

namespace mxcert::app {

dns::UnboundOptions resolver_options(const Context& context, report::ProgressLine& progress) {
  return {.servers = context.config.dns_servers,
          .trust_anchor = context.config.trust_anchor,
          .progress = [&progress](std::size_t done, std::size_t total) {
            progress.show(fmt::format("looking up names: {} of {}", done, total));
          }};
}

}  // namespace mxcert::app
