#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dns/name.h"

namespace mxcert::mx {

/// How the names of a host are spread over certificates.
enum class Pack {
  shared,    // as few certificates as possible
  per_host,  // one for each MX host
};

/// How much a name is wanted. Hosts of services count for nothing: who reads mail sends SNI, senders may not.
struct Demand {
  std::size_t domains = 0;  // as an MX host; 0: extra names, services, where aliases lead, names that are only kept
  std::uint16_t preference = 0;  // the lowest that one of them has for it
};
using WantedNames = std::map<dns::DnsName, Demand>;

/// A certificate that is there, or was tried for.
struct StoredCertificate {
  std::string name;
  std::set<dns::DnsName> names = {};     // on its live version, if there is one
  std::set<dns::DnsName> assigned = {};  // what the plan before wanted on it; empty when that is not known
  std::optional<bool> is_default = {};   // as the plan before had it; empty when that is not known
};

/// What is known besides the wanted names.
struct PackingInput {
  Pack pack = Pack::shared;
  std::size_t max_names = 100;
  /// What one mail domain leads to each: such names go together where they are new and fit.
  std::vector<std::vector<dns::DnsName>> groups = {};
  std::map<dns::DnsName, dns::DnsName> aliases = {};  // where a wanted alias leads, if that is wanted too
  std::vector<dns::DnsName> extra_names = {};
  std::vector<StoredCertificate> stored = {};
};

struct PackedCertificate {
  std::string name;  // what it is stored under; without `*`, since files and folders are called so
  bool is_default = false;
  std::vector<dns::DnsName> names = {};  // by alphabet
};

/// Every wanted name on exactly one certificate, none of which is empty or has more than `max_names`. The default one,
/// which clients see that say no name (SNI), comes first. Pure.
///
/// `shared`: a name stays on the certificate that has it. One that has too many keeps those that most domains use. New
/// names of one domain go together onto the default certificate if there is room, else onto a further one, else onto a
/// new one: a domain more changes one certificate. A further certificate whose names have become few enough for the
/// default one, with a quarter of that still free, goes into it.
/// `per_host`: a certificate for each MX host, where its alias leads goes with it, other names go onto the default one.
/// The default certificate stays that as long as a wanted name is on it; else it is the one that most domains use.
///
/// From several certificates a mail server has to choose by SNI, and many senders send none: hence as few as possible,
/// and on the default one what most domains use. A certificate is called after the host that most domains use when it
/// is new, and keeps that name for ever: files, links and configurations refer to it.
std::vector<PackedCertificate> pack_names(const WantedNames& wanted, const PackingInput& input);

}  // namespace mxcert::mx
