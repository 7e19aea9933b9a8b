#include "issue/key_types.h"

#include "mx/needs.h"

namespace mxcert::issue {

std::vector<WantedKey> wanted_keys(const std::vector<pki::KeyType>& types, const store::Version* live) {
  const std::vector<store::VersionPart> parts = live != nullptr ? live->parts() : std::vector<store::VersionPart>{};
  std::vector<std::optional<pki::KeyFamily>> families;
  for (const store::VersionPart& part : parts)
    families.push_back(part.leaf.key_family);
  std::vector<WantedKey> keys;
  for (const mx::WantedKey& wanted : mx::wanted_keys(types, families)) {
    WantedKey key{.type = wanted.type, .family = wanted.family};
    if (wanted.part) key.live = parts.at(*wanted.part);
    if (!keys.empty()) key.further = wanted.family;
    keys.push_back(std::move(key));
  }
  return keys;
}

std::vector<std::string> key_types_of(const store::Version& version) {
  std::vector<std::string> types;
  for (const store::VersionPart& part : version.parts())
    types.emplace_back(part.leaf.key_type ? pki::to_string(*part.leaf.key_type) : "unknown");
  return types;
}

}  // namespace mxcert::issue
