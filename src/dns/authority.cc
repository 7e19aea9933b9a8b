#include "dns/authority.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/handle.h"
#include "base/text.h"
#include "base/wait.h"
#include "dns/socket_address.h"

namespace mxcert::dns {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t max_servers = 3;  // as many as the system's own resolver asks
constexpr std::size_t max_resolv_conf_bytes = 1 << 20;
constexpr std::size_t header_bytes = 12;

std::uint16_t random_id() {
  std::uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != sizeof id) throw Error("the system gives no random numbers");
  return id;
}

void put(Bytes& bytes, std::uint16_t number) {
  bytes.push_back(static_cast<std::uint8_t>(number >> 8));
  bytes.push_back(static_cast<std::uint8_t>(number & 0xff));
}

/// RFC 1035 §4.1.2.
Bytes question_section(const Question& question) {
  Bytes bytes;
  for (const std::string_view label : split(question.name.ascii(), '.')) {
    bytes.push_back(static_cast<std::uint8_t>(label.size()));
    bytes.insert(bytes.end(), label.begin(), label.end());
  }
  bytes.push_back(0);
  put(bytes, static_cast<std::uint16_t>(question.type));
  put(bytes, 1);  // IN
  return bytes;
}

/// One question to one server.
struct Query {
  const Question* question;
  std::uint16_t id;
  Bytes section;

  explicit Query(const Question& asked) : question(&asked), id(random_id()), section(question_section(asked)) {}

  Bytes packet() const {
    constexpr std::uint16_t recursion_desired = 0x0100;
    Bytes bytes;
    for (const std::uint16_t number :
         {id, recursion_desired, std::uint16_t{1}, std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}})
      put(bytes, number);
    bytes.insert(bytes.end(), section.begin(), section.end());
    return bytes;
  }

  bool is_answered_by(std::span<const std::uint8_t> packet) const {
    if (packet.size() < header_bytes + section.size()) return false;
    const bool is_response = (packet[2] & 0x80) != 0;
    const auto echoed = packet.subspan(header_bytes, section.size());
    return is_response && (packet[0] << 8 | packet[1]) == id &&
           std::ranges::equal(echoed, section, [](std::uint8_t a, std::uint8_t b) { return to_lower(a) == b; });
  }

 private:
  static std::uint8_t to_lower(std::uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + 32) : c; }
};

/// NOERROR or NXDOMAIN with the AA bit: a REFUSED says nothing about data.
bool is_authoritative(std::span<const std::uint8_t> packet) {
  const int rcode = packet[3] & 0x0f;
  return (packet[2] & 0x04) != 0 && (rcode == 0 || rcode == 3);
}

Fd connected_socket(const IpAddress& address, std::uint16_t port) {
  socklen_t size = 0;
  const sockaddr_storage target = to_socket_address(address, port, size);
  Fd socket(::socket(target.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target), size) != 0) socket.reset();
  return socket;
}

/// The questions to one server, all sent at once.
class Server {
 public:
  /// Empty when `text` is no address or cannot be reached.
  static std::optional<Server> ask(const std::string& text, std::span<const Question> questions) {
    const auto at = text.find('@');
    const auto address = IpAddress::find(text.substr(0, at));
    std::uint16_t port = 53;
    if (at != std::string::npos) std::from_chars(text.data() + at + 1, text.data() + text.size(), port);
    if (!address) return std::nullopt;
    Server server(text.substr(0, at), connected_socket(*address, port));
    if (!server.socket_) return std::nullopt;
    for (const Question& question : questions) {
      const Bytes packet = server.queries_.emplace_back(question).packet();
      if (::send(server.descriptor(), packet.data(), packet.size(), 0) < 0) return std::nullopt;
    }
    return server;
  }

  int descriptor() const { return socket_.get(); }
  bool is_done() const { return queries_.empty(); }

  /// What has come so far.
  std::optional<Authority> read() {
    std::array<std::uint8_t, 4096> buffer{};
    for (;;) {
      const ssize_t size = ::recv(descriptor(), buffer.data(), buffer.size(), 0);
      if (size < 0) {
        if (errno != EAGAIN && errno != EINTR) queries_.clear();  // nobody is there
        return std::nullopt;
      }
      const auto packet = std::span(buffer).first(static_cast<std::size_t>(size));
      const auto query = std::ranges::find_if(queries_, [&](const Query& q) { return q.is_answered_by(packet); });
      if (query == queries_.end()) continue;
      if (is_authoritative(packet)) return Authority{name_, *query->question};
      queries_.erase(query);
      if (queries_.empty()) return std::nullopt;
    }
  }

 private:
  Server(std::string name, Fd socket) : name_(std::move(name)), socket_(std::move(socket)) {}

  std::string name_;
  Fd socket_;
  std::vector<Query> queries_;
};

std::vector<std::string> system_servers() {
  return name_servers(read_file_if_exists("/etc/resolv.conf", max_resolv_conf_bytes).value_or(""));
}

/// False when the time is over.
bool wait_for_any_of(Clock& clock, std::span<const Server> servers, Deadline deadline) {
  std::vector<pollfd> descriptors;
  for (const Server& server : servers)
    descriptors.push_back({server.descriptor(), POLLIN, 0});
  return wait_for_any(clock, descriptors, deadline);
}

}  // namespace

std::optional<Authority> find_authority(Clock& clock, std::span<const std::string> servers,
                                        std::span<const Question> questions, std::chrono::milliseconds patience) {
  if (questions.empty()) return std::nullopt;
  const std::vector<std::string> all =
      servers.empty() ? system_servers() : std::vector<std::string>(servers.begin(), servers.end());
  std::vector<Server> asked;
  for (const std::string& server : std::span(all).first(std::min(all.size(), max_servers)))
    if (auto reached = Server::ask(server, questions)) asked.push_back(*std::move(reached));
  const Deadline deadline = Deadline::after(clock, patience);
  while (!asked.empty() && wait_for_any_of(clock, asked, deadline)) {
    for (Server& server : asked)
      if (auto found = server.read()) return found;
    std::erase_if(asked, [](const Server& server) { return server.is_done(); });
  }
  return std::nullopt;
}

std::vector<std::string> name_servers(std::string_view resolv_conf) {
  std::vector<std::string> servers;
  for (std::string_view line : split(resolv_conf, '\n')) {
    line = trim(line);
    constexpr std::string_view keyword = "nameserver";
    if (!line.starts_with(keyword)) continue;
    const std::string_view rest = line.substr(keyword.size());
    const std::string_view address = trim(rest);
    if (rest.empty() || address == rest) continue;  // another word
    servers.emplace_back(address.substr(0, address.find_first_of(" \t#;")));
  }
  return servers;
}

}  // namespace mxcert::dns
