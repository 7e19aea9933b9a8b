#include "solve/http01_listener.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "base/handle.h"
#include "catch.h"
#include "signalled.h"

using namespace mxcert;
using namespace std::chrono_literals;
using solve::Http01Listener;
using solve::ListenAddress;

namespace {

RealClock real_clock;
const std::vector<ListenAddress> any_port{{.address = "127.0.0.1", .port = 0}};

Fd connect_to(const ListenAddress& address) {
  const auto target = solve::to_socket_address(address);
  Fd socket(::socket(target.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target.storage), target.size) != 0)
    throw std::runtime_error("cannot connect");  // no assertion: threads call this
  return socket;
}

/// Everything that comes back until the server closes.
std::string ask(const ListenAddress& address, const std::string& request) {
  const Fd socket = connect_to(address);
  [[maybe_unused]] const auto sent = ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  char buffer[4096];
  for (ssize_t got; (got = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(got));
  return answer;
}

std::string request(const std::string& method, const std::string& path) {
  return method + " " + path + " HTTP/1.1\r\nHost: mx.example.com\r\n\r\n";
}
std::string get(const ListenAddress& address, const std::string& path) {
  return ask(address, request("GET", path));
}

bool has_ipv6() {
  return std::ifstream("/proc/net/if_inet6").peek() != std::ifstream::traits_type::eof();
}

}  // namespace

TEST_CASE("a token is answered with its key authorization and nothing else") {
  Http01Listener listener(any_port);
  const auto& address = listener.addresses().at(0);
  listener.set({{"token-1", "token-1.print"}});
  const std::string answer = get(address, "/.well-known/acme-challenge/token-1");
  CHECK(answer.starts_with("HTTP/1.1 200"));
  CHECK_THAT(answer, ContainsSubstring("application/octet-stream"));
  CHECK(answer.ends_with("\r\n\r\ntoken-1.print"));
  for (const char* path :
       {"/", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/token-2", "/token-1",
        "/.well-known/acme-challenge/token-1/", "/.well-known/acme-challenge/../acme-challenge/token-1",
        "/.well-known/acme-challenge//etc/passwd"}) {
    INFO(path);
    CHECK(get(address, path).starts_with("HTTP/1.1 404"));
  }
}

TEST_CASE("only GET and HEAD are answered, and HEAD without body") {
  Http01Listener listener(any_port);
  const auto& address = listener.addresses().at(0);
  listener.set({{"t", "t.p"}});
  CHECK(ask(address, request("HEAD", "/.well-known/acme-challenge/t")).ends_with("\r\n\r\n"));
  CHECK_FALSE(listener.wait_until_all_fetched(real_clock, 0ms));  // nobody has seen it yet
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
    INFO(method);
    CHECK(ask(address, request(method, "/.well-known/acme-challenge/t")).starts_with("HTTP/1.1 404"));
  }
}

TEST_CASE("it is known when every token was fetched, and not before") {
  Http01Listener listener(any_port);
  const auto address = listener.addresses().at(0);
  listener.set({{"a", "a.p"}, {"b", "b.p"}});
  get(address, "/.well-known/acme-challenge/a");
  get(address, "/.well-known/acme-challenge/a");
  CHECK_FALSE(listener.wait_until_all_fetched(real_clock, 20ms));
  std::thread ca([&] {
    std::this_thread::sleep_for(50ms);
    get(address, "/.well-known/acme-challenge/b");
  });
  const auto begin = std::chrono::steady_clock::now();
  CHECK(listener.wait_until_all_fetched(real_clock, 10s));
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  CHECK(listener.wait_until_all_fetched(real_clock, 0ms));
  ca.join();
}

TEST_CASE("new tokens are waited for anew, and old ones are gone") {
  Http01Listener listener(any_port);
  const auto& address = listener.addresses().at(0);
  listener.set({{"a", "a.p"}});
  get(address, "/.well-known/acme-challenge/a");
  CHECK(listener.wait_until_all_fetched(real_clock, 1s));
  listener.set({{"b", "b.p"}});
  CHECK_FALSE(listener.wait_until_all_fetched(real_clock, 0ms));
  CHECK(get(address, "/.well-known/acme-challenge/a").starts_with("HTTP/1.1 404"));
  listener.set({});
  CHECK(listener.wait_until_all_fetched(real_clock, 0ms));
}

TEST_CASE("many fetch at once while tokens change") {
  Http01Listener listener(any_port);
  const auto address = listener.addresses().at(0);
  std::map<std::string, std::string> tokens;
  for (int i = 0; i < 40; ++i)
    tokens["t" + std::to_string(i)] = "p";
  listener.set(tokens);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = t; i < 40; i += 4)
        get(address, "/.well-known/acme-challenge/t" + std::to_string(i));
    });
  CHECK(listener.wait_until_all_fetched(real_clock, 10s));
  listener.set({{"x", "y"}});
  for (auto& thread : threads)
    thread.join();
}

TEST_CASE("a request that is too large or no HTTP is not served") {
  Http01Listener listener(any_port);
  const auto& address = listener.addresses().at(0);
  listener.set({{"t", "t.p"}});
  CHECK_FALSE(get(address, "/" + std::string(20'000, 'a')).starts_with("HTTP/1.1 200"));
  CHECK_FALSE(ask(address, "GET /.well-known/acme-challenge/t HTTP/1.1\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n")
                  .starts_with("HTTP/1.1 200"));
  CHECK_FALSE(ask(address, std::string("\x16\x03\x01\x00\xa5\r\n\r\n", 9)).starts_with("HTTP/1.1 200"));
}

TEST_CASE("a port that is taken is told with the process that has it") {
  const Http01Listener first(any_port);
  const auto& address = first.addresses().at(0);
  for (const char* wanted : {"127.0.0.1", "0.0.0.0"}) {
    INFO(wanted);
    try {
      const Http01Listener second({{.address = wanted, .port = address.port}});
      FAIL("bound twice");
    } catch (const Error& error) {
      CHECK(error.code() == "port_in_use");
      CHECK(error.message() == std::string("cannot listen on ") + wanted + ":" + std::to_string(address.port) +
                                   ": already in use by unit_solve (pid " + std::to_string(::getpid()) + ")");
      CHECK_THAT(error.hint(), ContainsSubstring("unit_solve"));
    }
  }
}

TEST_CASE("the port is free again when the listener is gone") {
  std::uint16_t port = 0;
  {
    const Http01Listener listener(any_port);
    port = listener.addresses().at(0).port;
    get(listener.addresses().at(0), "/");
  }
  CHECK_NOTHROW(Http01Listener({{.address = "127.0.0.1", .port = port}}));
}

TEST_CASE("both address families are listened on, each on a socket of its own") {
  if (!has_ipv6()) return;
  std::uint16_t port = 0;
  { port = Http01Listener({{.address = "0.0.0.0", .port = 0}}).addresses().at(0).port; }
  Http01Listener listener(solve::all_addresses(port));
  REQUIRE(listener.addresses().size() == 2);
  listener.set({{"t", "t.p"}});
  CHECK(get({.address = "::1", .port = port}, "/.well-known/acme-challenge/t").ends_with("t.p"));
  CHECK(get({.address = "127.0.0.1", .port = port}, "/.well-known/acme-challenge/t").ends_with("t.p"));
  try {
    const Http01Listener second({{.address = "::", .port = port}});
    FAIL("bound twice");
  } catch (const Error& error) {
    CHECK_THAT(error.message(), ContainsSubstring("[::]:" + std::to_string(port) + ": already in use by unit_solve"));
  }
}

TEST_CASE("an address that this machine does not have is an error that names it") {
  CHECK_THROWS_WITH(Http01Listener({{.address = "192.0.2.77", .port = 0}}), ContainsSubstring("192.0.2.77:0"));
  CHECK_THROWS_WITH(Http01Listener({{.address = "192.0.2.77", .port = 0, .optional = true}}),
                    ContainsSubstring("no address"));
  CHECK_THROWS_AS(Http01Listener({{.address = "localhost", .port = 0}}), ConfigError);
}

TEST_CASE("a signal ends the wait") {
  CHECK(test::ends_at_signal(
      [] {
        Http01Listener listener(any_port);
        listener.set({{"t", "t.p"}});
        listener.wait_until_all_fetched(real_clock, 10s);
      },
      SIGTERM));
}

TEST_CASE("a port below 1024 that is not for us says what to do") {
  if (::geteuid() != 0) return;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setuid(65534) != 0) ::_exit(3);
    try {
      const Http01Listener listener({{.address = "127.0.0.1", .port = 999}});
    } catch (const Error& error) {
      ::_exit(error.code() == "permission_denied" && error.hint().find("CAP_NET_BIND_SERVICE") != std::string::npos
                  ? 42
                  : 2);
    }
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 42);
}
