#pragma once
#include <string>
#include <vector>

#include "mx/domain_sources.h"

namespace mxcert::mx {

/// The mail servers that can be asked which domains they take mail for. Each is asked through its own programs, which
/// read its configuration. Read here are only the elements of the lists that these print, where they can search a file
/// or table, but not list it.
std::vector<std::string> mail_servers();

/// What the mail server of that name, one of mail_servers, takes mail for. Throws Error (code `domain_source`) when it
/// is not there or does not tell; Interrupted.
DomainList domains_from_server(const RunProgram& run, const std::string& name);

}  // namespace mxcert::mx
