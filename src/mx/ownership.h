#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mx/mx_lookup.h"

namespace mxcert::mx {

/// A host name with `*` (any run of characters) and `?` (one), neither of which matches a dot.
class HostPattern {
 public:
  /// `mx*.example.com`, `*.bücher.example`; throws ConfigError.
  static HostPattern parse(std::string_view text);
  bool matches(const dns::DnsName& host) const;
  /// As it was written.
  const std::string& text() const noexcept { return text_; }

 private:
  HostPattern(std::string text, std::string ascii) : text_(std::move(text)), ascii_(std::move(ascii)) {}
  std::string text_;
  std::string ascii_;
};

/// `[hosts]` of the configuration, and the addresses of the interfaces.
struct HostRules {
  std::vector<dns::IpAddress> local_addresses = {};  // from local_addresses()
  std::vector<dns::IpAddress> addresses = {};        // ours besides those: NAT, load balancer
  std::vector<dns::IpAddress> siblings = {};         // of other hosts that share our certificate
  std::vector<HostPattern> names = {};               // ours whatever they resolve to
  std::vector<HostPattern> exclude = {};             // not ours whatever they resolve to; beats `names`
};

enum class Owner {
  ours,
  partly_ours,   // some of its addresses lead elsewhere
  sibling,       // leads to us or hosts that share our certificate, at least one of these
  foreign,       // leads elsewhere
  unresolvable,  // has no address, or is no host name: a definite answer
  unknown,       // its addresses could not be looked up: nothing may follow from it (law 1)
};

struct Ownership {
  Owner owner = Owner::unknown;
  std::string reason = {};  // a sentence without its subject: `192.0.2.1 is this host's`
};

/// Whose host is it? Pure. A host without any address is unresolvable, and one whose lookup failed unknown, also when
/// `names` lists it: an order with it could not succeed.
Ownership decide_owner(const dns::DnsName& host, const HostLookup& lookup, const HostRules& rules);

/// The addresses of this machine's interfaces that are up, without loopback and link-local ones, sorted.
/// Throws Error when the system does not tell.
std::vector<dns::IpAddress> local_addresses();

std::string_view to_string(Owner owner);

}  // namespace mxcert::mx
