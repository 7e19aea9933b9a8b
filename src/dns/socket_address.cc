#include "dns/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

namespace mxcert::dns {

sockaddr_storage to_socket_address(const IpAddress& address, std::uint16_t port, socklen_t& size) {
  sockaddr_storage storage{};
  const std::string text = address.to_string();
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    ::inet_pton(AF_INET, text.c_str(), &v4.sin_addr);
    std::memcpy(&storage, &v4, size = sizeof v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr);
    std::memcpy(&storage, &v6, size = sizeof v6);
  }
  return storage;
}

}  // namespace mxcert::dns
