#include "solve/listen_socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"
#include "solve/port_owner.h"

namespace mxcert::solve {
namespace {

constexpr int backlog = 511;

[[noreturn]] void throw_bind_error(int error, const ListenAddress& address) {
  const std::string what = fmt::format("cannot listen on {}", to_string(address));
  if (error == EADDRINUSE) {
    const auto owner = find_port_owner(address);
    if (!owner)
      throw Error(what + ": already in use by another process",
                  fmt::format("`ss -ltnp sport = :{}` as root shows which one", address.port), "port_in_use");
    throw Error(
        fmt::format("{}: already in use by {} (pid {})", what, owner->program, owner->pid),
        fmt::format("stop {} for the time being, or say in [challenge] listen which address is free", owner->program),
        "port_in_use");
  }
  if (error == EACCES)
    throw Error(what + ": not permitted", "run as root, or grant the capability CAP_NET_BIND_SERVICE",
                "permission_denied");
  throw_system_error(error, what, "check that this machine has the address");
}

bool is_missing_family(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

bool set_flag(int descriptor, int level, int option) {
  const int one = 1;
  return ::setsockopt(descriptor, level, option, &one, sizeof one) == 0;
}

/// Bound and listening; empty when the address is optional and its family is missing.
Fd bind_socket(const ListenAddress& address) {
  const SocketAddress target = to_socket_address(address);
  const int family = target.storage.ss_family;
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool ready = socket && set_flag(socket.get(), SOL_SOCKET, SO_REUSEADDR) &&
                     (family != AF_INET6 || set_flag(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY)) &&
                     ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&target.storage), target.size) == 0 &&
                     ::listen(socket.get(), backlog) == 0;
  if (ready) return socket;
  const int error = errno;
  if (address.optional && is_missing_family(error)) return Fd();
  throw_bind_error(error, address);
}

}  // namespace

std::vector<Fd> bind_sockets(const std::vector<ListenAddress>& addresses) {
  std::vector<Fd> sockets;
  for (const ListenAddress& address : addresses)
    if (Fd socket = bind_socket(address)) sockets.push_back(std::move(socket));
  if (sockets.empty()) throw Error("no address to listen on", "check [challenge] listen");
  return sockets;
}

ListenAddress bound_address(const Fd& socket) {
  SocketAddress address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.size);
  return from_socket_address(address);
}

}  // namespace mxcert::solve
