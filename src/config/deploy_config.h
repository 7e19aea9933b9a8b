#pragma once
#include <string>
#include <utility>
#include <vector>

#include "deploy/delivery.h"

// For the .cc files of this folder only.
namespace mxcert::config {

struct ConfigOptions;
class TomlSection;

/// One `[[deploy]]`. Throws ConfigError for what cannot be used, beginning with where it stands.
deploy::Target read_deploy(TomlSection section);

/// `--deploy`, `--configure`, `--verify`: adds to a target that the file has already, or makes one.
void apply_deploy_options(std::vector<deploy::Target>& targets, const ConfigOptions& options);

/// For `config check`.
std::vector<std::pair<std::string, std::string>> explain_deploy(const std::vector<deploy::Target>& targets);

}  // namespace mxcert::config
