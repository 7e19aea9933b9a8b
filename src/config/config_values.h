#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dns/name.h"
#include "pki/key.h"

// For the .cc files of this folder only: how single values of the configuration are read.
namespace mxcert::config {

struct SourcedText;

/// Runs `read`, and puts `where` before the message of what it throws.
template <typename Function>
auto located(const std::string& where, Function read) {
  try {
    return read();
  } catch (const Error& e) {
    throw ConfigError(where + ": " + e.message(), e.hint());
  }
}

/// `30d` or `12h`, digits and nothing else before the letter: at most 400 days. Empty for anything else.
std::optional<std::chrono::seconds> parse_days_or_hours(std::string_view text);

/// All throw ConfigError that begins with where the text stands.
dns::DnsName parse_name(const SourcedText& name);
dns::DnsName parse_certificate_name(const SourcedText& name);  // wildcards too
std::filesystem::path absolute_path(const SourcedText& path);
pki::KeyType parse_key_type(const SourcedText& type);
/// One type, or one of each family. `where` is told when there is none.
std::vector<pki::KeyType> parse_key_types(std::span<const SourcedText> types, const std::string& where);

}  // namespace mxcert::config
