#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "dns/name.h"

// Wildcards: `*.example.com`, which in a certificate stands for every name with one label in place of the `*` (RFC 9525
// §6.3). They are no mail domains, no hosts, and nothing that a client asks for.
namespace mxcert::dns {

/// What a person wants on a certificate: as DnsName::parse has it, or `*.` and such a name. Throws Error (code
/// `bad_name`) for a `*` anywhere else.
DnsName parse_certificate_name(std::string_view text);

bool is_wildcard(const DnsName& name);
/// The same of a name as a certificate has it.
bool is_wildcard(std::string_view name);

/// The wildcard that covers `name`; empty for a wildcard, and for what has a single label.
std::optional<DnsName> find_wildcard_over(const DnsName& name);

/// What a wildcard begins below; any other name itself. RFC 8555 §7.1.3: the name that an authorization is for.
DnsName without_wildcard(const DnsName& name);
std::string without_wildcard(std::string_view name);
/// The wildcard that begins below `name`.
std::string with_wildcard(std::string_view name);

}  // namespace mxcert::dns
