#pragma once
#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "base/process.h"
#include "catch.h"
#include "deploy/description.h"
#include "temp_dir.h"

// Runs the hooks that ship, with programs in a folder that stand for the daemon's.

namespace mxcert::test {

using Environment = std::map<std::string, std::string>;

/// `HOOK EVENT`; what it calls is looked for in `programs` first.
inline ProcessResult run_shipped_hook(const std::string& hook, const std::string& event, const TempDir& programs,
                                      Environment environment) {
  environment.insert(
      {{"PATH", programs.path().string() + ":/usr/bin:/bin"}, {"LC_ALL", "C"}, {"MXCERT_NAME", "mx.example"}});
  RealClock clock;
  return run_process(clock,
                     {.arguments = {std::string(MXCERT_SOURCE_HOOKS) + "/" + hook, event}, .environment = environment});
}

/// Its answer to `describe`.
inline deploy::Description description_of(const ProcessResult& result) {
  INFO(result.standard_error);
  REQUIRE(result.exit_status == 0);
  return deploy::parse_description(result.standard_output);
}

/// `PATH CONTENT KEY_TYPE`, one each.
inline std::vector<std::string> files_of(const deploy::Description& description) {
  std::vector<std::string> texts;
  for (const deploy::DaemonFile& file : description.files)
    texts.push_back(fmt::format("{} {}{}", file.path.string(), to_string(file.content),
                                !file.key_type                          ? ""
                                : *file.key_type == pki::KeyFamily::rsa ? " rsa"
                                                                        : " ecdsa"));
  return texts;
}

/// `192.0.2.1:25`, one each, with `implicit` where TLS begins at once.
inline std::vector<std::string> listeners_of(const deploy::Description& description) {
  std::vector<std::string> texts;
  for (const deploy::Endpoint& endpoint : description.listeners)
    texts.push_back(to_string(endpoint) + (endpoint.implicit_tls ? " implicit" : ""));
  return texts;
}

}  // namespace mxcert::test
