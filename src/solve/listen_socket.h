#pragma once
#include <vector>

#include "base/handle.h"
#include "solve/listen_address.h"

namespace mxcert::solve {

/// Bound, listening and non-blocking; without those optional ones whose address family is missing.
///
/// Throws Error with code `port_in_use` naming the process that has the port, `permission_denied` when a port below
/// 1024 is not for us, and Error for any other address that cannot be bound, or when none was.
std::vector<Fd> bind_sockets(const std::vector<ListenAddress>& addresses);

/// What it is bound to, a port that was given as 0 filled in.
ListenAddress bound_address(const Fd& socket);

}  // namespace mxcert::solve
