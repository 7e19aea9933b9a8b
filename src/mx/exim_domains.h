#pragma once
#include "mx/domain_sources.h"

namespace mxcert::mx {

/// The domains that Exim takes mail for: its named lists local_domains and relay_to_domains, as its configuration
/// (Debian's, generated, too) has them now.
///
/// Named lists in lists, negations, files, lsearch, wildlsearch, nwildlsearch and dsearch are followed; whether a name
/// that stands behind an exclusion only Exim understands is taken, Exim is asked. What has no list (SQL, LDAP,
/// patterns,
/// `@mx_any`) becomes the warning `domains_unlisted`.
/// `program` is Exim. Throws Error (code `domain_source`) when it has neither list, or a list or file cannot be read.
DomainList domains_from_exim(const RunProgram& run, const std::string& program);

}  // namespace mxcert::mx
