#pragma once
#include <array>
#include <span>
#include <string_view>

#include "dns/resolver.h"
#include "mx/mx_lookup.h"

namespace mxcert::mx {

/// Where people submit and read mail: RFC 6186 §3, RFC 8314 §5.1.
constexpr std::array<std::string_view, 6> mail_services{"_submission._tcp", "_submissions._tcp", "_imap._tcp",
                                                        "_imaps._tcp",      "_pop3._tcp",        "_pop3s._tcp"};

/// Asks for the SRV records of every domain that exists, service by service, and notes those of which there is
/// something to say; the addresses of their hosts are still to be looked up. Never throws for what the DNS says. RFC
/// 2782: a single record with the root as its target says that there is no such service.
void find_services(dns::Resolver& resolver, std::span<MxLookup> lookups);

}  // namespace mxcert::mx
