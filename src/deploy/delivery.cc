#include "deploy/delivery.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace mxcert::deploy {
namespace {

/// The bundle of the file's key type.
const pki::CertificateBundle& bundle_for(const Delivery& delivery, const DaemonFile& file) {
  if (!file.key_type) return delivery.bundle;
  const auto families = delivery.key_families();
  const auto found = std::ranges::find(families, *file.key_type);
  if (found == families.end())
    throw Error(fmt::format("{} is for a key of type {}, which the certificate does not have", file.path.string(),
                            pki::to_string(*file.key_type)),
                "add one to [certificate] keys; a hook has to look at MXCERT_KEY_TYPES");
  return *delivery.bundles().at(static_cast<std::size_t>(found - families.begin()));
}

std::string part_of(const pki::CertificateBundle& bundle, Content content) {
  switch (content) {
    case Content::privkey:
      return bundle.private_key;
    case Content::cert:
      return bundle.leaf;
    case Content::chain:
      return bundle.chain;
    case Content::fullchain:
      return bundle.full_chain();
    default:
      return bundle.key_and_chain();
  }
}

}  // namespace

std::string_view to_string(Role role) {
  return role == Role::fallback ? "default" : "sni";
}

std::vector<const pki::CertificateBundle*> Delivery::bundles() const {
  std::vector<const pki::CertificateBundle*> all{&bundle};
  for (const pki::CertificateBundle& further : further_bundles)
    all.push_back(&further);
  return all;
}

std::vector<pki::KeyFamily> Delivery::key_families() const {
  std::vector<pki::KeyFamily> families;
  for (const pki::CertificateBundle* each : bundles()) {
    if (each->leaf.empty()) continue;
    const auto family = pki::parse_certificates(each->leaf).front().key_family;
    if (!family) throw Error("the certificate's key is neither ECDSA nor RSA");
    families.push_back(*family);
  }
  return families;
}

std::string text_of(const Delivery& delivery, const DaemonFile& file) {
  std::string text;
  switch (file.content) {
    case Content::names:
      for (const std::string& name : delivery.names)
        text += name + "\n";
      return text;
    case Content::bundles:
      for (const pki::CertificateBundle* bundle : delivery.bundles())
        text += bundle->key_and_chain();
      return text;
    default:
      return part_of(bundle_for(delivery, file), file.content);
  }
}

}  // namespace mxcert::deploy
