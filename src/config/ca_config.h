#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pki/key.h"

namespace mxcert::config {

class TomlSection;
struct SourcedText;

/// An account on the CA's site that ours is to be bound to (RFC 8555 §7.3.4).
struct EabConfig {
  std::string key_id = {};
  std::filesystem::path key_file = {};  // the HMAC key in base64url; read when an account is made
  int sha_bits = 256;                   // 256, 384 or 512
};

/// In the place of a directory's URL: the CA of our own, for which there is no network and no account.
constexpr std::string_view internal_directory = "internal";

/// One CA, as configured.
struct CaConfig {
  std::string name = "letsencrypt";  // as it was written
  std::string directory_url = "https://acme-v02.api.letsencrypt.org/directory";
  std::vector<std::string> caa_identities{"letsencrypt.org"};  // of a preset; empty: only the directory tells
  std::string profile = {};                                    // of certificates; empty: the CA's default
  std::string preferred_chain = {};   // common name of its topmost issuer; empty: the CA's default chain
  std::filesystem::path trust = {};   // PEM: roots for the directory's own HTTPS, besides the system's; empty: none
  std::chrono::seconds timeout{600};  // of one order, from its first request to the certificate
  pki::KeyType account_key = pki::KeyType::ecdsa_p256;  // of an account that is yet to be made
  std::optional<EabConfig> eab = {};
  double requests_per_second = 250;  // as the CA publishes it for one address; 0: it publishes none
  bool placeholder = false;          // until there is a certificate, one of our own where nothing else is served
  /// Tried in this order when this one is down or refuses; they have none themselves. Profile, chain and external
  /// account are each CA's own.
  std::vector<CaConfig> fallback = {};
};

/// Whether it is the CA of our own.
bool is_internal(const CaConfig& ca);
/// `first` itself if that is its directory, else the one among its fallbacks; null if it is neither.
const CaConfig* find_ca(const CaConfig& first, const std::string& directory_url);
/// Takes the name of a known CA or the URL of a directory. Throws ConfigError.
void set_ca(CaConfig& ca, const SourcedText& name);
/// What the command line says of it. Throws ConfigError when one of the two is missing.
void set_eab(CaConfig& ca, const std::optional<std::string>& key_id, const std::optional<std::string>& key_file);
/// The names of the CAs that are known by name.
std::vector<std::string> known_cas();
/// Whether it is the directory of one of them.
bool is_known_ca(const std::string& directory_url);
/// Both throw ConfigError for what is empty, too long or not printable.
void set_profile(CaConfig& ca, const SourcedText& profile);
void set_preferred_chain(CaConfig& ca, const SourcedText& issuer);
/// The longest `timeout` that can be configured.
constexpr std::chrono::seconds longest_order{86'400};
/// Reads [ca]. Throws ConfigError.
void read_ca(CaConfig& ca, TomlSection section);

}  // namespace mxcert::config
