#include "acme/curl_transport.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/handle.h"
#include "catch.h"
#include "fake_clock.h"
#include "signalled.h"
#include "temp_dir.h"
#include "tls_server.h"

using namespace mxcert;
using namespace std::chrono_literals;
using acme::Method;
using acme::Request;
using acme::Response;
using acme::TransportError;
using Kind = TransportError::Kind;
using test::TempDir;
using test::TlsServer;

namespace {

/// Says back what it was asked.
TlsServer::Answer echo(const std::string& method, const std::string& path, const std::string& body) {
  return {.headers = {{"Replay-Nonce", "n-1"},
                      {"Location", "https://x/"},
                      {"Retry-After", "5"},
                      {"Link", "<https://x/>;rel=\"up\""}},
          .body = method + " " + path + " " + body};
}

struct Scene {
  TempDir dir;
  RealClock clock;
  TlsServer server;
  acme::CurlOptions options;

  explicit Scene(
      std::function<TlsServer::Answer(const std::string&, const std::string&, const std::string&)> handler = echo,
      const std::string& name = "localhost")
      : server(name, std::move(handler)) {
    std::ofstream(dir / "trust.pem") << server.certificate();
    options.trust = dir / "trust.pem";
  }
  std::string url(const std::string& path, const std::string& host = "localhost") const {
    return "https://" + host + ":" + std::to_string(server.port()) + path;
  }
  std::vector<acme::Result> perform(const std::vector<Request>& requests, std::chrono::milliseconds limit = 10s) {
    return acme::CurlTransport(clock, options).perform(requests, Deadline::after(clock, limit));
  }
  TransportError failure(const Request& request, std::chrono::milliseconds limit = 10s) {
    return std::get<TransportError>(perform({request}, limit).at(0));
  }
};

/// Takes connections and never says a word.
struct SilentServer {
  Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port = 0;
  SilentServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size);
    ::listen(socket.get(), 10);
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
  }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port) + "/"; }
};

/// Into a network of one's own, whose only DNS server takes questions and is silent. For root, in a child process.
Fd enter_silent_network(const std::filesystem::path& resolv_conf) {
  std::ofstream(resolv_conf) << "nameserver 127.0.0.1\n";
  Fd server(-1);
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
      ::mount(resolv_conf.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0)
    server.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  loopback.ifr_name[0] = 'l';
  loopback.ifr_name[1] = 'o';
  loopback.ifr_flags = IFF_UP;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!server || ::ioctl(server.get(), SIOCSIFFLAGS, &loopback) != 0 ||
      ::bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot make a network");
  return server;
}

}  // namespace

TEST_CASE("a batch is answered in its order, over a few connections that are kept for the next") {
  Scene scene;
  acme::CurlTransport transport(scene.clock, scene.options);
  std::vector<Request> requests;
  for (int i = 0; i < 30; ++i)
    requests.push_back(
        {.method = Method::post, .url = scene.url("/" + std::to_string(i)), .body = "b" + std::to_string(i)});
  for (int round = 0; round < 2; ++round) {
    const auto results = transport.perform(requests, Deadline::after(scene.clock, 20s));
    REQUIRE(results.size() == 30);
    for (std::size_t i = 0; i < 30; ++i)
      CHECK(std::get<Response>(results[i]).body == "POST /" + std::to_string(i) + " b" + std::to_string(i));
  }
  CHECK(scene.server.connections() <= scene.options.max_connections);
  CHECK(transport.requests_sent() == 60);
}

TEST_CASE("the headers that ACME speaks of arrive, and a HEAD has no body") {
  Scene scene;
  const auto results = scene.perform({{.method = Method::head, .url = scene.url("/nonce")}, {.url = scene.url("/x")}});
  const auto& head = std::get<Response>(results[0]);
  CHECK(head.status == 200);
  CHECK(head.replay_nonce == "n-1");
  CHECK(head.location == "https://x/");
  CHECK(head.retry_after == "5");
  CHECK(head.links == std::vector<std::string>{"<https://x/>;rel=\"up\""});
  CHECK_FALSE(head.date.empty());
  CHECK(head.body.empty());
  CHECK(std::get<Response>(results[1]).body == "GET /x ");
}

TEST_CASE("an error status is an answer, and a redirect is not followed") {
  Scene scene([](const auto&, const std::string& path, const auto&) {
    return TlsServer::Answer{.status = path == "/moved" ? 302U : 500U, .headers = {{"Location", "https://localhost/"}}};
  });
  const auto results = scene.perform({{.url = scene.url("/moved")}, {.url = scene.url("/broken")}});
  CHECK(std::get<Response>(results[0]).status == 302);
  CHECK(std::get<Response>(results[1]).status == 500);
}

TEST_CASE("a signed request goes where it was signed for, and nowhere else") {
  std::atomic<int> elsewhere{0};
  Scene scene([&](const auto&, const std::string& path, const auto&) {
    if (path != "/moved") ++elsewhere;
    return TlsServer::Answer{.status = 308, .headers = {{"Location", "/elsewhere"}}};
  });
  const auto results = scene.perform({{.method = Method::post, .url = scene.url("/moved"), .body = "{}"}});
  CHECK(std::get<Response>(results[0]).status == 308);
  CHECK(elsewhere == 0);
}

TEST_CASE("every request says who asks") {
  Scene scene;
  scene.options.user_agent = "mxcert/7.8.9";
  scene.perform({{.url = scene.url("/")}});
  CHECK(scene.server.user_agent() == "mxcert/7.8.9");
}

TEST_CASE("a server that nothing says to trust is not talked to, and the hint says how to") {
  Scene scene;
  scene.options.trust = std::nullopt;
  const auto failure = scene.failure({.url = scene.url("/")});
  CHECK(failure.kind() == Kind::not_trusted);
  CHECK_THAT(failure.message(), ContainsSubstring("the certificate of localhost"));
  CHECK_THAT(failure.hint(), ContainsSubstring("[ca] trust"));
  CHECK_FALSE(failure.is_temporary());
}

TEST_CASE("a trusted certificate for another name is not accepted") {
  Scene scene(echo, "other.example");
  const auto failure = scene.failure({.url = scene.url("/")});
  CHECK(failure.kind() == Kind::not_trusted);
  CHECK_THAT(failure.message(), ContainsSubstring("name"));
  CHECK_THAT(failure.hint(), ContainsSubstring("[ca] directory"));
}

TEST_CASE("roots of one's own are trusted besides the system's") {
  Scene scene;
  acme::CurlTransport transport(scene.clock, scene.options);
  const auto results =
      transport.perform(std::vector<Request>{{.url = scene.url("/")}}, Deadline::after(scene.clock, 10s));
  CHECK(std::get<Response>(results[0]).status == 200);
}

TEST_CASE("a trust file that is missing or has no certificate is a mistake in the configuration") {
  RealClock clock;
  const TempDir dir;
  CHECK_THROWS_AS(acme::CurlTransport(clock, {.trust = dir / "missing.pem"}), ConfigError);
  std::ofstream(dir / "empty.pem") << "hello\n";
  CHECK_THROWS_AS(acme::CurlTransport(clock, {.trust = dir / "empty.pem"}), ConfigError);
}

TEST_CASE("plain HTTP and other schemes are refused") {
  Scene scene;
  for (const std::string url : {"http://127.0.0.1:1/", "file:///etc/passwd", "ftp://127.0.0.1/"}) {
    INFO(url);
    CHECK(scene.failure({.url = url}).kind() == Kind::refused);
  }
}

TEST_CASE("nobody listening and no address are told apart") {
  Scene scene;
  std::uint16_t port = 0;
  { port = SilentServer().port; }
  const auto refused = scene.failure({.url = "https://127.0.0.1:" + std::to_string(port) + "/"});
  CHECK(refused.kind() == Kind::unreachable);
  CHECK_THAT(refused.message(), ContainsSubstring("Connection refused"));
  CHECK(refused.is_temporary());
  const auto unknown = scene.failure({.url = "https://no-such-host.invalid:14000/"});
  CHECK(unknown.kind() == Kind::unreachable);
  CHECK_THAT(unknown.message(), ContainsSubstring("no address for no-such-host.invalid in"));
}

TEST_CASE("an answer that is too large is cut off") {
  Scene scene([](const auto&, const std::string& path, const auto&) {
    TlsServer::Answer answer;
    if (path == "/body") answer.body.assign(20'000, 'x');
    if (path == "/headers") answer.headers["X-Large"] = std::string(5'000, 'x');
    return answer;
  });
  scene.options.max_body_bytes = 10'000;
  scene.options.max_header_bytes = 4'000;
  CHECK_THAT(scene.failure({.url = scene.url("/body")}).message(), ContainsSubstring("larger than 10000 bytes"));
  CHECK(scene.failure({.url = scene.url("/headers")}).kind() == Kind::refused);
  CHECK(std::get<Response>(scene.perform({{.url = scene.url("/")}})[0]).status == 200);
}

TEST_CASE("a server that never answers costs no more than the deadline, and only its own request") {
  Scene scene(
      [](const auto&, const std::string& path, const auto&) { return TlsServer::Answer{.never = path == "/never"}; });
  // As the directory always is: alone and first. Before it, nobody knows whether the server speaks HTTP/2, and libcurl
  // waits for the first connection to tell rather than open a second one.
  acme::CurlTransport transport(scene.clock, scene.options);
  const std::vector<Request> first{{.url = scene.url("/directory")}};
  REQUIRE(std::get<Response>(transport.perform(first, Deadline::after(scene.clock, 10s))[0]).status == 200);
  const auto begin = scene.clock.steady_now();
  const std::vector<Request> both{{.url = scene.url("/never")}, {.url = scene.url("/x")}};
  const auto results = transport.perform(both, Deadline::after(scene.clock, 3s));
  CHECK(scene.clock.steady_now() - begin < 20s);
  CHECK(std::get<TransportError>(results[0]).kind() == Kind::timeout);
  if (const auto* failure = std::get_if<TransportError>(&results[1])) FAIL(failure->message());
  CHECK(std::get<Response>(results[1]).status == 200);
}

TEST_CASE("a host that takes connections and is silent is a timeout") {
  const SilentServer silent;
  Scene scene;
  scene.options.connect_timeout = 200ms;
  const auto failure = scene.failure({.url = silent.url()});
  CHECK(failure.kind() == Kind::timeout);
  CHECK_FALSE(failure.is_temporary());
}

TEST_CASE("a deadline that has passed sends nothing") {
  Scene scene;
  CHECK(scene.failure({.url = scene.url("/")}, 0ms).kind() == Kind::timeout);
  CHECK(scene.server.connections() == 0);
}

TEST_CASE("no more requests a second are sent than allowed") {
  Scene scene;
  scene.options.max_requests_per_second = 20;
  const auto begin = scene.clock.steady_now();
  scene.perform(std::vector<Request>(9, Request{.url = scene.url("/")}));
  CHECK(scene.clock.steady_now() - begin >= 380ms);
}

TEST_CASE("a signal ends a request that waits") {
  const SilentServer silent;
  CHECK(test::ends_at_signal([&] {
    RealClock clock;
    acme::CurlTransport(clock, {}).perform(std::vector<Request>{{.url = silent.url()}}, Deadline::after(clock, 10s));
  }));
}

TEST_CASE("a signal ends a request whose host is being looked up in a silent DNS") {
  if (::geteuid() != 0) return;
  const TempDir dir;
  CHECK(test::ends_at_signal([&] {
    const Fd server = enter_silent_network(dir / "resolv.conf");
    RealClock clock;
    acme::CurlTransport(clock, {}).perform(std::vector<Request>{{.url = "https://ca.example/directory"}},
                                           Deadline::after(clock, 20s));
  }));
}
