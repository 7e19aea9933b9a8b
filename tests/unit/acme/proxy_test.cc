#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "acme/curl_transport.h"
#include "base/handle.h"
#include "catch.h"
#include "temp_dir.h"
#include "tls_server.h"

using namespace mxcert;
using namespace std::chrono_literals;
using acme::Request;
using acme::Response;
using acme::TransportError;

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// Takes one connection, reads what it is asked, and passes everything on to `target` in both directions.
class ConnectProxy {
 public:
  explicit ConnectProxy(std::uint16_t target) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_.get(), 1);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, target] { serve(target); });
  }
  ~ConnectProxy() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  std::uint16_t port() const { return port_; }
  /// What it was asked, after the connection has ended.
  std::string asked() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread([] {});
    return asked_;
  }

 private:
  void serve(std::uint16_t target) {
    const Fd client(::accept(listener_.get(), nullptr, nullptr));
    if (!client) return;
    for (char byte = 0; !asked_.ends_with("\r\n\r\n") && ::read(client.get(), &byte, 1) == 1;)
      asked_ += byte;
    const Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(target);
    ::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    constexpr std::string_view answer = "HTTP/1.1 200 OK\r\n\r\n";
    if (::write(client.get(), answer.data(), answer.size()) < 0) return;
    std::array<pollfd, 2> both{pollfd{client.get(), POLLIN, 0}, pollfd{server.get(), POLLIN, 0}};
    while (::poll(both.data(), both.size(), 10'000) > 0)
      for (std::size_t from : {0U, 1U})
        if (both[from].revents != 0 && !pass_on(both[from].fd, both[1 - from].fd)) return;
  }

  static bool pass_on(int from, int to) {
    std::array<char, 16'384> data{};
    const ssize_t size = ::read(from, data.data(), data.size());
    return size > 0 && ::write(to, data.data(), static_cast<std::size_t>(size)) == size;
  }

  Fd listener_;
  std::uint16_t port_ = 0;
  std::string asked_;
  std::thread thread_;
};

struct Environment {
  std::string name;
  Environment(std::string variable, const std::string& value) : name(std::move(variable)) {
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() { ::unsetenv(name.c_str()); }
};

struct Scene {
  test::TempDir dir;
  RealClock clock;
  test::TlsServer server{"localhost", [](const auto&, const auto&, const auto&) { return test::TlsServer::Answer{}; }};

  acme::Result ask() {
    std::ofstream(dir / "trust.pem") << server.certificate();
    acme::CurlTransport transport(clock, {.trust = dir / "trust.pem"});
    const std::vector<Request> requests{{.url = "https://localhost:" + std::to_string(server.port()) + "/"}};
    return transport.perform(requests, Deadline::after(clock, 10s)).at(0);
  }
};

std::string proxy_url(std::uint16_t port) {
  return "http://user:secret@127.0.0.1:" + std::to_string(port);
}

}  // namespace

TEST_CASE("the proxy of the environment is gone through, with its credentials, and the CA's HTTPS is end to end") {
  Scene scene;
  ConnectProxy proxy(scene.server.port());
  const Environment https_proxy("https_proxy", proxy_url(proxy.port()));
  CHECK(std::get<Response>(scene.ask()).status == 200);
  const std::string asked = proxy.asked();
  CHECK_THAT(asked, ContainsSubstring("CONNECT localhost:" + std::to_string(scene.server.port())));
  CHECK_THAT(asked, ContainsSubstring("Proxy-Authorization: Basic "));
}

TEST_CASE("no_proxy says which hosts are reached directly") {
  Scene scene;
  ConnectProxy proxy(scene.server.port());
  const Environment https_proxy("HTTPS_PROXY", proxy_url(proxy.port()));
  const Environment no_proxy("no_proxy", "localhost");
  CHECK(std::get<Response>(scene.ask()).status == 200);
  CHECK(proxy.asked().empty());
}

TEST_CASE("a proxy that is not there is an error that keeps its credentials to itself") {
  Scene scene;
  std::uint16_t port = 0;
  { port = ConnectProxy(1).port(); }
  const Environment https_proxy("https_proxy", proxy_url(port));
  const auto failure = std::get<TransportError>(scene.ask());
  CHECK(failure.kind() == TransportError::Kind::unreachable);
  CHECK(failure.message().find("secret") == std::string::npos);
  CHECK(failure.hint().find("secret") == std::string::npos);
}
