#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "pki/key.h"

namespace mxcert::app {

class TomlSection;
struct SourcedText;

/// One CA, as configured.
struct CaConfig {
  std::string name = "letsencrypt";  // as it was written
  std::string directory_url = "https://acme-v02.api.letsencrypt.org/directory";
  std::vector<std::string> caa_identities{"letsencrypt.org"};  // of a preset; empty: only the directory tells
  std::filesystem::path trust = {};   // PEM: roots for the directory's own HTTPS, besides the system's; empty: none
  std::chrono::seconds timeout{600};  // of one order, from its first request to the certificate
  pki::KeyType account_key = pki::KeyType::ecdsa_p256;  // of an account that is yet to be made
};

/// Takes the name of a known CA or the URL of a directory. Throws ConfigError.
void set_ca(CaConfig& ca, const SourcedText& name);
/// The longest `timeout` that can be configured.
constexpr std::chrono::seconds longest_order{86'400};
/// Reads [ca]. Throws ConfigError.
void read_ca(CaConfig& ca, TomlSection section);

}  // namespace mxcert::app
