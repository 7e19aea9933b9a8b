#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/ca_config.h"
#include "config/challenge_config.h"
#include "config/renew_config.h"
#include "deploy/delivery.h"
#include "dns/address.h"
#include "dns/name.h"
#include "mx/mx_lookup.h"
#include "mx/ownership.h"
#include "mx/packing.h"
#include "pki/key.h"

namespace mxcert::config {

/// Everything that can be configured, checked and with its defaults filled in. mxcert.toml(5) explains each key.
struct Config {
  std::string file;  // what was read, empty when there was none
  std::vector<std::string> contact;
  bool agree_tos = false;
  std::filesystem::path state_dir = "/var/lib/mxcert";

  CaConfig ca;

  std::vector<mx::MailDomain> domains;      // each once; the source is `config`, `command line` or the path of a file
  std::vector<std::string> domain_command;  // a program, and its arguments, that prints more of them
  std::vector<std::string> domains_from;    // mail servers to ask: `exim`, `postfix`

  std::vector<dns::IpAddress> host_addresses;
  std::vector<dns::IpAddress> host_siblings;
  std::vector<mx::HostPattern> host_names;
  std::vector<mx::HostPattern> host_exclude;

  std::vector<std::string> dns_servers;  // ADDRESS[@PORT]; empty: /etc/resolv.conf
  std::optional<std::filesystem::path> trust_anchor;

  std::vector<pki::KeyType> key_types{
      pki::KeyType::ecdsa_p256};  // the primary one, and perhaps one of the other family
  bool reuse_key = true;
  std::vector<dns::DnsName> extra_names;
  bool services = false;  // the hosts of SRV records too
  mx::Pack pack = mx::Pack::shared;
  std::chrono::seconds keep_for = std::chrono::days{7};  // how long a name stays that is not wanted any more
  std::size_t max_names = 100;

  ChallengeConfig challenge;
  RenewConfig renew;

  std::vector<deploy::Target> targets;
};

/// What the command line says of the configuration: each replaces what the file says, lists are added to.
struct ConfigOptions {
  std::optional<std::string> config_file;
  std::optional<std::string> state_dir;
  std::optional<std::string> ca;
  std::optional<std::string> ca_trust;
  std::optional<std::string> profile;
  std::optional<std::string> preferred_chain;
  std::optional<unsigned> ca_timeout;  // seconds
  std::optional<std::string> account_key;
  std::optional<std::string> eab_kid;
  std::optional<std::string> eab_key_file;
  std::optional<std::string> trust_anchor;
  std::optional<std::string> pack;
  std::optional<std::string> keep_for;
  std::optional<std::size_t> max_names;
  std::optional<std::string> renew_before;
  bool agree_tos = false;
  bool placeholder = false;
  bool new_key = false;
  bool services = false;
  bool configure = false;
  std::vector<std::string> key_types;
  std::vector<std::string> email;
  std::vector<std::string> domains;
  std::vector<std::string> domains_from;
  std::vector<std::string> extra_names;
  std::vector<std::string> addresses;
  std::vector<std::string> siblings;
  std::vector<std::string> host_names;
  std::vector<std::string> host_exclude;
  std::vector<std::string> dns_servers;
  std::vector<std::string> listen;
  std::optional<std::string> webroot;
  std::optional<std::string> challenge;
  std::vector<std::string> deploy;
  std::vector<std::string> verify;
};

constexpr const char* default_config_file = "/etc/mxcert/mxcert.toml";

/// Reads the file (the default one may be missing) and the options. Throws ConfigError for the first thing that
/// cannot be used, beginning with file:line:column or the option's name.
Config load_config(const ConfigOptions& options);

/// The effective configuration as `key = value` lines, for people to check.
std::vector<std::pair<std::string, std::string>> explain_config(const Config& config);

/// Throws ConfigError saying how to name domains when there is none.
void require_domains(const Config& config);

}  // namespace mxcert::config
