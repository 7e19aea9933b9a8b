#include "issue/key_types.h"

#include <fmt/format.h>

#include <algorithm>

namespace mxcert::issue {

pki::KeyFamily WantedKey::family() const {
  return live && live->leaf.key_family ? *live->leaf.key_family : pki::family_of(type);
}

std::vector<WantedKey> wanted_keys(const std::vector<pki::KeyType>& types, const store::Version* live) {
  const std::vector<store::VersionPart> parts = live != nullptr ? live->parts() : std::vector<store::VersionPart>{};
  std::vector<WantedKey> keys;
  for (const pki::KeyType type : types) {
    WantedKey key{.type = type};
    const auto same = std::ranges::find_if(
        parts, [&](const store::VersionPart& part) { return part.leaf.key_family == pki::family_of(type); });
    if (same != parts.end())
      key.live = *same;
    else if (types.size() == 1 && !parts.empty())
      key.live = parts.front();
    if (!keys.empty()) key.further = key.family();
    keys.push_back(std::move(key));
  }
  return keys;
}

std::string why_incomplete(const std::vector<pki::KeyType>& types, const store::Version& live) {
  for (const WantedKey& key : wanted_keys(types, &live))
    if (!key.live) return fmt::format("it lacks an {} certificate", pki::to_string(key.type));
  return {};
}

std::vector<std::string> key_types_of(const store::Version& version) {
  std::vector<std::string> types;
  for (const store::VersionPart& part : version.parts())
    types.emplace_back(part.leaf.key_type ? pki::to_string(*part.leaf.key_type) : "unknown");
  return types;
}

}  // namespace mxcert::issue
