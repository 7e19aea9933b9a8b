#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "deploy/daemon_file.h"
#include "deploy/endpoint.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace mxcert::deploy {

/// What the configuration says of a daemon that has no hook: what `describe` would answer, and what runs where the hook
/// would reload. All else is the same.
struct ListedFiles {
  std::vector<DaemonFile> files;         // at least one; `{name}` in a path stands for the certificate's name
  std::vector<std::string> reload = {};  // a program, by name or path, and its arguments; empty: nothing is run
};
constexpr std::string_view name_placeholder = "{name}";

/// Who is to serve the certificate: one `[[deploy]]` of the configuration.
struct Target {
  std::string hook;                                  // the name of a hook that ships, a path, or `files`
  std::optional<ListedFiles> listed = {};            // `files`: what is used instead of a hook
  std::vector<std::string> certificates = {};        // which ones, patterns of names; empty: all
  std::vector<Endpoint> verify = {};                 // where to look; empty: where the hook says the daemon listens
  bool configure = false;                            // may the hook change the daemon's configuration?
  std::chrono::milliseconds timeout{60'000};         // for each run of the hook
  std::chrono::milliseconds verify_timeout{20'000};  // how long the daemon may take to show the new certificate
};

/// To whom a target shows a certificate, when it has several.
enum class Role {
  default_certificate,  // for who sends no SNI, as most mail servers do, and for who asks for one of its names
  sni,                  // only for who asks for one of its names
};
/// As hooks know it: `default`, `sni`.
std::string_view to_string(Role role);
/// `default` for anything else.
Role parse_role(std::string_view text);

/// What is to be served: a certificate version as the store has it.
struct Delivery {
  std::string certificate_name;
  std::vector<std::string> names;                            // that the certificate must hold
  pki::CertificateBundle bundle;                             // of the primary key
  std::vector<pki::CertificateBundle> further_bundles = {};  // the same names with keys of the other families
  std::filesystem::path lineage = {};  // the directory with privkey.pem, cert.pem, …; hooks are told of it. What
                                       // belongs to a further key is in `rsa/` or `ecdsa/` below
  Role role = Role::default_certificate;

  /// All bundles, the primary one first.
  std::vector<const pki::CertificateBundle*> bundles() const;
  /// The families of their keys, in that order; without bundles none. Throws Error for one that is no certificate.
  std::vector<pki::KeyFamily> key_families() const;
};

/// Law 4: throws Error unless each bundle's key, chain and names fit together and are valid at `now`; with the code
/// `key_damaged` when a key cannot be read.
void check_delivery(const Delivery& delivery, SystemTime now);

/// What `file` has to hold. Throws Error when it is for a key type that is not delivered.
std::string text_of(const Delivery& delivery, const DaemonFile& file);

}  // namespace mxcert::deploy
