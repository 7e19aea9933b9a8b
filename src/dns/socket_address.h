#pragma once
#include <sys/socket.h>

#include <cstdint>

#include "dns/address.h"

namespace mxcert::dns {

/// What the system's calls take; `size` gets how much of it counts.
sockaddr_storage to_socket_address(const IpAddress& address, std::uint16_t port, socklen_t& size);

}  // namespace mxcert::dns
