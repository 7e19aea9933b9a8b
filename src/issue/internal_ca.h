#pragma once
#include <optional>
#include <string>

#include "config/ca_config.h"
#include "issue/order.h"
#include "pki/certificate.h"
#include "store/internal_authority.h"

namespace mxcert::issue {

struct Run;

// The CA of our own: it needs neither a network nor the DNS, and nobody trusts it who was not told to.

/// Whether one of the version's certificates is from it.
bool is_internal(const store::Version& version);
/// From it, although another CA is configured: something to serve until that one can be had. It counts as nothing: its
/// names are not thought of as served, and it is no reason to wait with a fallback or an error.
bool is_placeholder(const config::CaConfig& configured, const store::Version& version);

/// Its root certificate; empty when it was never asked for a certificate. Throws Error for a damaged one.
std::optional<pki::Certificate> find_internal_root(const store::InternalAuthority& stored);

/// What `task` asks for, at once. Makes the CA when there is none, and its root anew, with the same key, when less than
/// two of its ten years are left. Throws Error (code `key_damaged`) rather than make another key for it.
store::VersionPart issue_internally(Run& run, const OrderTask& task);

/// This host's own fully qualified name, as it knows it without the DNS if it can be; empty when it has none.
std::optional<dns::DnsName> find_own_name(Clock& clock);

}  // namespace mxcert::issue
