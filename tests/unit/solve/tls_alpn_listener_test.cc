#include "solve/tls_alpn_listener.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <optional>
#include <thread>

#include "base/error.h"
#include "base/handle.h"
#include "catch.h"
#include "pki/certificate.h"
#include "pki/key.h"
#include "pki/openssl.h"

using namespace mxcert;
using namespace std::chrono_literals;
using solve::ListenAddress;
using solve::TlsAlpnListener;

namespace {

const std::string acme_protocol = std::string("\x0a", 1) + "acme-tls/1";
RealClock real_clock;
const std::vector<ListenAddress> any_port{{.address = "127.0.0.1", .port = 0}};

struct Asked {
  std::string name = "mx.example.com";  // empty: no SNI
  std::string protocols = acme_protocol;
  int version = TLS1_3_VERSION;
};
struct Shown {
  std::string der;
  std::string protocol;
  std::string identifier;  // the DER of acmeIdentifier when it is there and critical
};

Fd connect_to(const ListenAddress& address) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto target = solve::to_socket_address(address);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target.storage), target.size) == 0);
  return socket;
}

std::string identifier_of(X509& certificate) {
  const Handle<ASN1_OBJECT, ASN1_OBJECT_free> oid(OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
  const int index = X509_get_ext_by_OBJ(&certificate, oid.get(), -1);
  if (index < 0) return {};
  X509_EXTENSION* extension = X509_get_ext(&certificate, index);
  if (X509_EXTENSION_get_critical(extension) != 1) return {};
  const ASN1_OCTET_STRING* data = X509_EXTENSION_get_data(extension);
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(data)),
          static_cast<std::size_t>(ASN1_STRING_length(data))};
}

/// What a client is shown; empty when the handshake fails.
std::optional<Shown> ask(const ListenAddress& address, const Asked& asked = {}) {
  const Fd socket = connect_to(address);
  const Handle<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), asked.version);
  SSL_CTX_set_max_proto_version(context.get(), asked.version);
  const Handle<SSL, SSL_free> ssl(SSL_new(context.get()));
  if (!asked.name.empty()) SSL_set_tlsext_host_name(ssl.get(), asked.name.c_str());
  if (!asked.protocols.empty())
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(asked.protocols.data()),
                        static_cast<unsigned>(asked.protocols.size()));
  SSL_set_fd(ssl.get(), socket.get());
  if (SSL_connect(ssl.get()) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  const pki::X509Handle leaf(SSL_get1_peer_certificate(ssl.get()));
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl.get(), &protocol, &size);
  return Shown{.der = pki::to_der<i2d_X509>(*leaf),
               .protocol = std::string(reinterpret_cast<const char*>(protocol), size),
               .identifier = identifier_of(*leaf)};
}

}  // namespace

TEST_CASE("the CA is shown the certificate that RFC 8737 describes, for the name that it asks for") {
  TlsAlpnListener listener(any_port);
  listener.set({{"mx.example.com", "token.print"}, {"mx2.example.com", "token2.print"}});
  const auto shown = ask(listener.addresses().at(0));
  REQUIRE(shown);
  CHECK(shown->protocol == "acme-tls/1");
  const pki::Certificate certificate = pki::parse_certificate_der(shown->der);
  CHECK(certificate.names == std::vector<std::string>{"mx.example.com"});
  CHECK(certificate.not_before < std::chrono::system_clock::now());
  CHECK(certificate.not_after > std::chrono::system_clock::now());
  CHECK(shown->identifier == std::string("\x04\x20", 2) + pki::sha256("token.print"));
  const auto other = ask(listener.addresses().at(0), {.name = "MX2.example.com", .version = TLS1_2_VERSION});
  REQUIRE(other);
  CHECK(other->identifier == std::string("\x04\x20", 2) + pki::sha256("token2.print"));
}

TEST_CASE("whoever is no CA gets nothing but an alert") {
  TlsAlpnListener listener(any_port);
  listener.set({{"mx.example.com", "token.print"}});
  const auto& address = listener.addresses().at(0);
  CHECK_FALSE(ask(address, {.protocols = ""}));
  CHECK_FALSE(ask(address, {.protocols = "\x08http/1.1"}));
  CHECK_FALSE(ask(address, {.name = "other.example.com"}));
  CHECK_FALSE(ask(address, {.name = ""}));
  CHECK_FALSE(ask(address, {.version = TLS1_1_VERSION}));
  CHECK_FALSE(listener.wait_until_all_asked(real_clock, 0ms));
  CHECK(ask(address));
  CHECK(listener.wait_until_all_asked(real_clock, 10s));
  listener.set({});
  CHECK_FALSE(ask(address));
}

TEST_CASE("it is known when each name was asked for, also when many ask at once and some say nothing") {
  TlsAlpnListener listener(any_port);
  const auto address = listener.addresses().at(0);
  std::map<std::string, std::string> answers;
  for (int i = 0; i < 40; ++i)
    answers["mx" + std::to_string(i) + ".example.com"] = "print";
  listener.set(answers);
  std::vector<Fd> silent;
  for (int i = 0; i < 20; ++i)
    silent.push_back(connect_to(address));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = t; i < 40; i += 4)
        ask(address, {.name = "mx" + std::to_string(i) + ".example.com"});
    });
  CHECK(listener.wait_until_all_asked(real_clock, 20s));
  for (auto& thread : threads)
    thread.join();
  CHECK_FALSE((listener.set(answers), listener.wait_until_all_asked(real_clock, 0ms)));
}

TEST_CASE("a TLS port that is taken is told, and is free again afterwards") {
  std::uint16_t port = 0;
  {
    const TlsAlpnListener first(any_port);
    port = first.addresses().at(0).port;
    CHECK_THROWS_AS(TlsAlpnListener({{.address = "127.0.0.1", .port = port}}), Error);
  }
  CHECK_NOTHROW(TlsAlpnListener({{.address = "127.0.0.1", .port = port}}));
}
