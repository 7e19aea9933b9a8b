#include "deploy/delivery.h"

#include "base/error.h"

namespace mxcert::deploy {

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

}  // namespace mxcert::deploy
