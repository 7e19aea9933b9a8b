#pragma once
#include <vector>

#include "solve/http01_listener.h"

namespace mxcert::app {

class TomlSection;
struct SourcedText;

/// How control over the names is shown.
struct ChallengeConfig {
  std::vector<solve::ListenAddress> listen = {};  // of the http-01 listener; empty: port 80 on every address
};

/// Throws ConfigError.
void add_listen_address(ChallengeConfig& challenge, const SourcedText& address);
/// Reads [challenge]. Throws ConfigError.
void read_challenge(ChallengeConfig& challenge, TomlSection section);

}  // namespace mxcert::app
