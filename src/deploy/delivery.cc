#include "deploy/delivery.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/name_table.h"

namespace mxcert::deploy {
namespace fs = std::filesystem;
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

pki::PrivateKey key_of(const Delivery& delivery, const pki::CertificateBundle& bundle, const fs::path& directory) {
  try {
    return pki::PrivateKey::from_pem(bundle.private_key);
  } catch (const Error& e) {
    throw Error(fmt::format("{}: {}", (directory / "privkey.pem").string(), e.message()),
                fmt::format("restore it from a backup, or put the version before into service: mxcert rollback {}",
                            delivery.certificate_name),
                "key_damaged");
  }
}

void check_bundle(const Delivery& delivery, const pki::CertificateBundle& bundle, const fs::path& directory,
                  SystemTime now) {
  const auto chain = pki::parse_certificates(bundle.full_chain());
  pki::check_chain(chain, key_of(delivery, bundle, directory), delivery.names, now);
}

constexpr auto role_names = name_table<Role>({{Role::default_certificate, "default"}, {Role::sni, "sni"}});

}  // namespace

std::string_view to_string(Role role) {
  return name_of(role_names, role);
}

Role parse_role(std::string_view text) {
  return value_of(role_names, text).value_or(Role::default_certificate);
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

void check_delivery(const Delivery& delivery, SystemTime now) {
  check_bundle(delivery, delivery.bundle, delivery.lineage, now);
  for (const pki::CertificateBundle& bundle : delivery.further_bundles) {
    const auto family = pki::parse_certificates(bundle.leaf).front().key_family;
    check_bundle(delivery, bundle, delivery.lineage / (family ? pki::to_string(*family) : ""), now);
  }
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
