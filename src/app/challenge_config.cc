#include "app/challenge_config.h"

#include <fmt/format.h>

#include "app/config_values.h"
#include "app/toml_section.h"
#include "base/error.h"
#include "base/text.h"

namespace mxcert::app {

void add_listen_address(ChallengeConfig& challenge, const SourcedText& address) {
  challenge.listen.push_back(located(address.where, [&] { return solve::parse_listen_address(address.text); }));
}

void read_challenge(ChallengeConfig& challenge, TomlSection section) {
  if (const auto type = section.text("type"); type && type->text != "http-01")
    throw ConfigError(fmt::format("{}: challenge type {} is not supported", type->where, printable(type->text, 100)),
                      "the type is http-01");
  for (const SourcedText& address : section.list("listen"))
    add_listen_address(challenge, address);
  section.finish();
}

}  // namespace mxcert::app
