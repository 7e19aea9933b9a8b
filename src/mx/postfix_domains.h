#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mx/domain_sources.h"

namespace mxcert::mx {

/// The domains that Postfix takes mail for: mydestination, virtual_mailbox_domains, virtual_alias_domains and
/// relay_domains, as `postconf -x` expands them, of the default instance.
///
/// Exclusions and files are followed, tables of the types that can be listed are listed (`postmap -s`; cdb is read), of
/// which keys with an @ are no domains. Other tables (SQL, LDAP, regexp, …) become the warning `domains_unlisted`.
/// `postconf` is the program; postmap lies beside it. Throws Error (code `domain_source`) when one of them fails or a
/// file cannot be read.
DomainList domains_from_postfix(const RunProgram& run, const std::string& postconf);

/// The elements of a list: separated by commas or white space, which do not count between braces.
std::vector<std::string> split_postfix_list(std::string_view list);

/// The keys of a constant database (cr.yp.to/cdb/cdb.txt), as far as it is well-formed.
std::vector<std::string> cdb_keys(std::string_view file);

}  // namespace mxcert::mx
