#include "app/config_values.h"

#include <fmt/format.h>

#include "app/toml_section.h"
#include "base/text.h"

namespace mxcert::app {

dns::DnsName parse_name(const SourcedText& name) {
  return located(name.where, [&] { return dns::DnsName::parse(name.text); });
}

std::filesystem::path absolute_path(const SourcedText& path) {
  if (!path.text.starts_with('/'))
    throw ConfigError(fmt::format("{}: {} is not an absolute path", path.where, printable(path.text, 200)));
  return path.text;
}

}  // namespace mxcert::app
