#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dns/address.h"
#include "dns/name.h"
#include "mx/ownership.h"
#include "solve/listen_address.h"

namespace mxcert::config {

class TomlSection;
struct SourcedText;

/// `dns = { provider = … }`: who puts records into the DNS.
struct DnsProvider {
  enum class Kind { rfc2136, hook };
  Kind kind = Kind::rfc2136;
  std::optional<dns::IpAddress> server = {};  // rfc2136, and the next two
  std::uint16_t port = 53;
  std::filesystem::path key_file = {};
  std::chrono::seconds wait{60};  // rfc2136: for all of a zone's servers to have the records, at most
  std::string hook = {};          // hook: a path, or the name of one that ships

  bool operator==(const DnsProvider&) const = default;
};

/// One way to show control over names: the keys of [challenge], and of each [[challenge.for]].
struct ChallengeMethod {
  enum class Type { http_01, tls_alpn_01, dns_01, dns_persist_01 };
  Type type = Type::http_01;
  std::vector<solve::ListenAddress> listen = {};      // of our own listener; empty: the type's port on every address
  std::optional<std::filesystem::path> webroot = {};  // http-01 through a web server; then nothing is listened on

  std::optional<DnsProvider> dns = {};  // dns-01 has it

  bool operator==(const ChallengeMethod&) const = default;
};
std::string_view to_string(ChallengeMethod::Type type);
/// Where the CA connects to; 0 when it does not.
std::uint16_t port_of(ChallengeMethod::Type type);

/// How control over the names is shown.
struct ChallengeConfig {
  struct For {
    std::vector<mx::HostPattern> names;
    ChallengeMethod method;
  };
  ChallengeMethod method = {};       // [challenge]
  std::vector<For> exceptions = {};  // [[challenge.for]]

  /// That of the first exception with a pattern for `name`, or the general one.
  const ChallengeMethod& method_for(const dns::DnsName& name) const;
  /// The same for a name as it is ordered, `*.` and all.
  const ChallengeMethod& method_for(const std::string& name) const;
};

/// All throw ConfigError.
/// Another type than before takes what was said of that one along.
void set_challenge_type(ChallengeMethod& method, const SourcedText& type);
void add_listen_address(ChallengeMethod& method, const SourcedText& address);
/// Instead of listening, whatever was said of that before.
void set_webroot(ChallengeMethod& method, const SourcedText& directory);
/// Throws when something is missing without which the type does not work; `where` begins the message.
void require_complete(const ChallengeMethod& method, const std::string& where);
/// Reads [challenge] with its [[challenge.for]].
void read_challenge(ChallengeConfig& challenge, TomlSection section);

/// For explain_config.
std::vector<std::pair<std::string, std::string>> explain_challenge(const ChallengeConfig& challenge);

}  // namespace mxcert::config
