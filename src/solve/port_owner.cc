#include "solve/port_owner.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace mxcert::solve {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view listening = "0A";  // TCP_LISTEN, as /proc/net/tcp writes it

/// One line of /proc/net/tcp or tcp6.
struct TableLine {
  std::string local;  // ADDRESS:PORT in hexadecimal, the address as 32 bit words in the machine's byte order
  std::string state;
  std::string inode;
};

std::vector<TableLine> read_table(const char* path) {
  std::vector<TableLine> lines;
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);  // the headings
  while (std::getline(file, text)) {
    std::istringstream fields(text);
    TableLine line;
    std::string ignored;
    fields >> ignored >> line.local >> ignored >> line.state;
    for (int i = 0; i < 5; ++i)
      fields >> ignored;
    if (fields >> line.inode && line.state == listening) lines.push_back(std::move(line));
  }
  return lines;
}

std::string hex_words(const void* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; i += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, static_cast<const char*>(bytes) + i, sizeof word);
    text += fmt::format("{:08X}", word);
  }
  return text;
}

/// What the table's address column can hold for a socket that is in the way of `address`.
struct Conflicts {
  std::set<std::string> ipv4 = {};
  std::set<std::string> ipv6 = {};
  bool any_ipv4 = false;
  bool any_ipv6 = false;
};

Conflicts conflicts_of(const ListenAddress& address) {
  const SocketAddress socket = to_socket_address(address);
  const std::string any_ipv6(32, '0');
  if (socket.storage.ss_family == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &socket.storage, sizeof ipv6);
    return {.ipv6 = {hex_words(&ipv6.sin6_addr, 16), any_ipv6}, .any_ipv6 = address.address == "::"};
  }
  sockaddr_in ipv4{};
  std::memcpy(&ipv4, &socket.storage, sizeof ipv4);
  const bool any = address.address == "0.0.0.0";
  return {.ipv4 = {hex_words(&ipv4.sin_addr, 4), "00000000"}, .ipv6 = {any_ipv6}, .any_ipv4 = any};
}

void add_inodes(std::set<std::string>& inodes, const char* table, std::uint16_t port,
                const std::set<std::string>& addresses, bool any) {
  const std::string port_text = fmt::format("{:04X}", port);
  for (const TableLine& line : read_table(table)) {
    const auto colon = line.local.find(':');
    if (colon == std::string::npos || line.local.substr(colon + 1) != port_text) continue;
    if (any || addresses.contains(line.local.substr(0, colon))) inodes.insert(line.inode);
  }
}

std::optional<pid_t> parse_pid(const std::string& name) {
  pid_t pid = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (failure != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return pid;
}

bool holds_one(const fs::path& process, const std::set<std::string>& links) {
  try {
    return std::ranges::any_of(list_directory(process / "fd"), [&](const fs::path& descriptor) {
      const auto target = find_link_target(descriptor);
      return target && links.contains(target->native());
    });
  } catch (const Error&) {  // somebody else's process, or one that has ended
    return false;
  }
}

std::string program_of(const fs::path& process) {
  std::ifstream file(process / "comm");
  std::string name;
  std::getline(file, name);
  return printable(name, 60);
}

}  // namespace

std::optional<PortOwner> find_port_owner(const ListenAddress& address) {
  const Conflicts conflicts = conflicts_of(address);
  std::set<std::string> inodes;
  if (!conflicts.ipv4.empty()) add_inodes(inodes, "/proc/net/tcp", address.port, conflicts.ipv4, conflicts.any_ipv4);
  if (inodes.empty()) add_inodes(inodes, "/proc/net/tcp6", address.port, conflicts.ipv6, conflicts.any_ipv6);
  std::set<std::string> links;
  for (const std::string& inode : inodes)
    links.insert(fmt::format("socket:[{}]", inode));
  if (links.empty()) return std::nullopt;

  // The lowest pid is the parent of those that inherited the socket.
  std::optional<PortOwner> owner;
  for (const fs::path& process : list_directory("/proc")) {
    const auto pid = parse_pid(process.filename().native());
    if (!pid || (owner && owner->pid < *pid) || !holds_one(process, links)) continue;
    owner = PortOwner{.program = program_of(process), .pid = *pid};
  }
  return owner;
}

}  // namespace mxcert::solve
