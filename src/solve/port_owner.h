#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "solve/listen_address.h"

namespace mxcert::solve {

struct PortOwner {
  std::string program = {};  // printable, as the kernel has it (at most 15 characters)
  pid_t pid = 0;
};

/// The process whose listening TCP socket keeps `address` from being bound; empty when it cannot be seen from here
/// (other users' sockets need root, other network namespaces' are invisible). From /proc.
std::optional<PortOwner> find_port_owner(const ListenAddress& address);

}  // namespace mxcert::solve
