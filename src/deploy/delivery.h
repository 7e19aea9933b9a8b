#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/endpoint.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace mxcert::deploy {

/// Who is to serve the certificate: one `[[deploy]]` of the configuration.
struct Target {
  std::string hook;                           // the name of a hook that ships, or a path
  std::vector<Endpoint> verify = {};          // where to look; empty: where the hook says the daemon listens
  bool configure = false;                     // may the hook change the daemon's configuration?
  std::chrono::milliseconds timeout{60'000};  // for each run of the hook
};

/// To whom a target shows a certificate, when it has several.
enum class Role {
  fallback,  // to who sends no SNI, as most mail servers do, and to who asks for one of its names: the default one
  sni,       // only to who asks for one of its names
};
/// As hooks know it: `default`, `sni`.
std::string_view to_string(Role role);

/// What is to be served: a certificate version as the store has it.
struct Delivery {
  std::string certificate_name;
  std::vector<std::string> names;                            // that the certificate must hold
  pki::CertificateBundle bundle;                             // of the primary key
  std::vector<pki::CertificateBundle> further_bundles = {};  // the same names with keys of the other families
  std::filesystem::path lineage = {};  // the directory with privkey.pem, cert.pem, …; hooks are told of it. What
                                       // belongs to a further key is in `rsa/` or `ecdsa/` below
  Role role = Role::fallback;

  /// All bundles, the primary one first.
  std::vector<const pki::CertificateBundle*> bundles() const;
  /// The families of their keys, in that order; without bundles none. Throws Error for one that is no certificate.
  std::vector<pki::KeyFamily> key_families() const;
};

}  // namespace mxcert::deploy
