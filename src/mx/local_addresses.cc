#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/handle.h"
#include "mx/ownership.h"

namespace mxcert::mx {
namespace {

template <typename Address>
std::optional<dns::IpAddress> address_in(const Address& address) {
  return dns::IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(&address), sizeof address});
}

std::optional<dns::IpAddress> address_of(const ifaddrs& interface) {
  if (interface.ifa_addr == nullptr || (interface.ifa_flags & IFF_UP) == 0) return std::nullopt;
  if (interface.ifa_addr->sa_family == AF_INET)
    return address_in(reinterpret_cast<const sockaddr_in*>(interface.ifa_addr)->sin_addr);
  if (interface.ifa_addr->sa_family == AF_INET6)
    return address_in(reinterpret_cast<const sockaddr_in6*>(interface.ifa_addr)->sin6_addr);
  return std::nullopt;
}

}  // namespace

std::vector<dns::IpAddress> local_addresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0)
    throw_system_error("cannot list this host's addresses", "give them as hosts.addresses in the configuration");
  const Handle<ifaddrs, ::freeifaddrs> owned(first);
  std::vector<dns::IpAddress> addresses;
  for (const ifaddrs* interface = first; interface != nullptr; interface = interface->ifa_next) {
    const std::optional<dns::IpAddress> address = address_of(*interface);
    if (address && !address->is_loopback() && !address->is_link_local()) addresses.push_back(*address);
  }
  std::ranges::sort(addresses);
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

}  // namespace mxcert::mx
