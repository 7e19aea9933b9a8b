#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dns/name.h"
#include "mx/ownership.h"
#include "solve/challenge_method.h"

namespace mxcert::config {

class TomlSection;
struct SourcedText;

/// How control over the names is shown.
struct ChallengeConfig {
  struct For {
    std::vector<mx::HostPattern> names;
    solve::ChallengeMethod method;
  };
  solve::ChallengeMethod method = {};  // [challenge]
  std::vector<For> exceptions = {};    // [[challenge.for]]

  /// That of the first exception with a pattern for `name`, or the general one.
  const solve::ChallengeMethod& method_for(const dns::DnsName& name) const;
  /// The same for a name as it is ordered, `*.` and all.
  const solve::ChallengeMethod& method_for(const std::string& name) const;
};

/// All throw ConfigError.
/// Another type than before takes what was said of that one along.
void set_challenge_type(solve::ChallengeMethod& method, const SourcedText& type);
void add_listen_address(solve::ChallengeMethod& method, const SourcedText& address);
/// Instead of listening, whatever was said of that before.
void set_webroot(solve::ChallengeMethod& method, const SourcedText& directory);
/// Throws when something is missing without which the type does not work; `where` begins the message.
void require_complete(const solve::ChallengeMethod& method, const std::string& where);
/// Reads [challenge] with its [[challenge.for]].
void read_challenge(ChallengeConfig& challenge, TomlSection section);

/// For explain_config.
std::vector<std::pair<std::string, std::string>> explain_challenge(const ChallengeConfig& challenge);

}  // namespace mxcert::config
