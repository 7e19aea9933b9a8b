#include "issue/key_types.h"

#include "catch.h"

using namespace mxcert;
using namespace mxcert::issue;
using pki::KeyFamily;
using pki::KeyType;

namespace {

store::VersionPart part_with(KeyType type) {
  store::VersionPart part;
  part.leaf.key_type = type;
  part.leaf.key_family = pki::family_of(type);
  return part;
}

store::Version version_with(KeyType primary, std::optional<KeyType> further = {}) {
  store::Version version{.number = "0001", .bundle = {}, .leaf = part_with(primary).leaf, .record = {}};
  if (further) version.further.push_back(part_with(*further));
  return version;
}

}  // namespace

TEST_CASE("a first certificate has new keys of the configured types, the primary one first") {
  const auto keys = wanted_keys({KeyType::ecdsa_p256, KeyType::rsa_2048}, nullptr);
  REQUIRE(keys.size() == 2);
  CHECK_FALSE(keys[0].live);
  CHECK_FALSE(keys[0].further);
  CHECK(keys[0].family == KeyFamily::ecdsa);
  CHECK_FALSE(keys[1].live);
  CHECK(keys[1].further == KeyFamily::rsa);
}

TEST_CASE("each key goes on with the live one of its family, whatever its size and place") {
  const store::Version live = version_with(KeyType::rsa_2048, KeyType::ecdsa_p256);
  const auto keys = wanted_keys({KeyType::ecdsa_p384, KeyType::rsa_4096}, &live);
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].live->leaf.key_type == KeyType::ecdsa_p256);
  CHECK(keys[1].live->leaf.key_type == KeyType::rsa_2048);
  CHECK(keys[1].further == KeyFamily::rsa);
}

TEST_CASE("a type that is not configured any more is not wanted") {
  const store::Version live = version_with(KeyType::ecdsa_p256, KeyType::rsa_2048);
  const auto keys = wanted_keys({KeyType::rsa_2048}, &live);
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].live->leaf.key_type == KeyType::rsa_2048);
}

TEST_CASE("another single type is no reason to give the live key up") {
  const store::Version live = version_with(KeyType::ecdsa_p256);
  const auto keys = wanted_keys({KeyType::rsa_2048}, &live);
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].live->leaf.key_type == KeyType::ecdsa_p256);
  CHECK(keys[0].family == KeyFamily::ecdsa);
}
