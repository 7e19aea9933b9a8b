#include "deploy/tls_probe.h"

#include <openssl/ssl.h>

#include <chrono>

#include "base/clock.h"
#include "catch.h"
#include "deploy/make_credentials.h"
#include "deploy/tls_server.h"

using namespace mxcert;
using namespace mxcert::deploy;
using namespace std::chrono_literals;
using test::credentials_of;
using test::fingerprint_of;
using test::ServedConnection;
using test::TlsServer;
using Status = ProbeResult::Status;
using Credentials = std::map<std::string, test::Credentials>;

namespace {

ProbeResult look(std::uint16_t port, Protocol protocol = Protocol::smtp, bool implicit = false,
                 const std::string& server_name = {}, std::chrono::milliseconds timeout = 5s) {
  RealClock clock;
  return probe(clock, {.address = "127.0.0.1", .port = port, .protocol = protocol, .implicit_tls = implicit},
               {.server_name = server_name, .timeout = timeout});
}

ProbeResult look_at(std::function<void(ServedConnection&)> serve, Protocol protocol = Protocol::smtp,
                    bool implicit = false) {
  const TlsServer server(std::move(serve));
  return look(server.port(), protocol, implicit);
}

}  // namespace

TEST_CASE("a STARTTLS handshake shows the chain, the greeting and the TLS version") {
  const auto bundle = test::make_bundle({"mx.example.com"});
  const auto result = look_at([&](ServedConnection& connection) {
    serve_smtp(connection, {{"", credentials_of(bundle)}});
  });
  REQUIRE(result.status == Status::shown);
  REQUIRE(result.chain.size() == 1);
  CHECK(result.chain.front().sha256_fingerprint == fingerprint_of(bundle));
  CHECK(result.banner == "220-mail.example ESMTP");
  CHECK(result.tls_version == "TLSv1.3");
}

TEST_CASE("TLS from the first byte shows the chain and the greeting that comes after") {
  const auto bundle = test::make_bundle({"mx.example.com"});
  const auto result = look_at(
      [&](ServedConnection& connection) {
        serve_smtps(connection, {{"", credentials_of(bundle)}});
      },
      Protocol::smtp, true);
  REQUIRE(result.status == Status::shown);
  CHECK(result.banner == "220 mail.example ESMTP");
}

TEST_CASE("the whole chain is shown, in the order it was sent") {
  const auto leaf = test::make_bundle({"mx.example.com"});
  const auto issuer = test::make_bundle({"issuer.example"});
  const auto result = look_at([&](ServedConnection& connection) {
    serve_smtp(connection, {{"", {.private_key = leaf.private_key, .chain = leaf.leaf + issuer.leaf}}});
  });
  REQUIRE(result.chain.size() == 2);
  CHECK(result.chain[0].sha256_fingerprint == fingerprint_of(leaf));
  CHECK(result.chain[1].sha256_fingerprint == fingerprint_of(issuer));
}

TEST_CASE("SNI is sent when a name is asked for, and only then") {
  const auto fallback = test::make_bundle({"default.example"});
  const auto named = test::make_bundle({"mx.example.com"});
  const Credentials credentials{{"", credentials_of(fallback)}, {"mx.example.com", credentials_of(named)}};
  const TlsServer server([&](ServedConnection& connection) { serve_smtp(connection, credentials); });
  const auto with = look(server.port(), Protocol::smtp, false, "mx.example.com");
  const auto without = look(server.port());
  REQUIRE(with.shown());
  REQUIRE(without.shown());
  CHECK(with.chain.front().sha256_fingerprint == fingerprint_of(named));
  CHECK(without.chain.front().sha256_fingerprint == fingerprint_of(fallback));
}

TEST_CASE("a client that takes one kind of signature sees the certificate of that kind, or none") {
  const auto ecdsa = test::make_bundle({"mx.example.com"});
  const auto rsa = test::make_bundle({"mx.example.com"}, pki::PrivateKey::generate(pki::KeyType::rsa_2048));
  const auto one = credentials_of(ecdsa);
  auto both = credentials_of(rsa);
  both.further = {one};
  const auto version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const auto look_only = [&](const test::Credentials& credentials, pki::KeyFamily family) {
    const TlsServer server([&](ServedConnection& connection) {
      connection.set_version(version);
      serve_smtps(connection, {{"", credentials}});
    });
    RealClock clock;
    return probe(clock, {.address = "127.0.0.1", .port = server.port(), .implicit_tls = true},
                 {.key_type = family, .timeout = 5s});
  };
  const auto seen_rsa = look_only(both, pki::KeyFamily::rsa);
  const auto seen_ecdsa = look_only(both, pki::KeyFamily::ecdsa);
  INFO(seen_rsa.reason << seen_ecdsa.reason);
  REQUIRE(seen_rsa.shown());
  REQUIRE(seen_ecdsa.shown());
  CHECK(seen_rsa.chain.front().sha256_fingerprint == fingerprint_of(rsa));
  CHECK(seen_ecdsa.chain.front().sha256_fingerprint == fingerprint_of(ecdsa));
  CHECK(look_only(one, pki::KeyFamily::rsa).status == Status::handshake_failed);
}

TEST_CASE("the client takes leave, so that the server's log shows no broken connection") {
  const auto bundle = test::make_bundle({"mx.example.com"});
  std::atomic<int> farewells{0};
  {
    const TlsServer server([&](ServedConnection& connection) {
      connection.start_tls({{"", credentials_of(bundle)}});
      connection.send("220 mail.example ESMTP\r\n");
      if (connection.read_line() == "QUIT") ++farewells;
      connection.send("221 bye\r\n");
    });
    CHECK(look(server.port(), Protocol::smtp, true).shown());
  }
  CHECK(farewells == 1);
}

TEST_CASE("IMAP and POP3 begin TLS in their own words") {
  const auto bundle = test::make_bundle({"mx.example.com"});
  const auto imap = look_at(
      [&](ServedConnection& connection) {
        connection.send("* OK ready\r\n");
        if (connection.read_line() != "a STARTTLS") return;
        connection.send("* CAPABILITY IMAP4rev1\r\na OK begin\r\n");
        connection.start_tls({{"", credentials_of(bundle)}});
      },
      Protocol::imap);
  CHECK(imap.shown());
  const auto pop3 = look_at(
      [&](ServedConnection& connection) {
        connection.send("+OK ready\r\n");
        if (connection.read_line() != "STLS") return;
        connection.send("+OK begin\r\n");
        connection.start_tls({{"", credentials_of(bundle)}});
      },
      Protocol::pop3);
  CHECK(pop3.shown());
}

TEST_CASE("ManageSieve begins TLS after its capabilities, whatever they are") {
  const auto bundle = test::make_bundle({"mx.example.com"});
  const auto result = look_at(
      [&](ServedConnection& connection) {
        connection.send("\"IMPLEMENTATION\" \"Pigeonhole\"\r\n\"OKAY\" \"x\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\n");
        if (connection.read_line() != "STARTTLS") return;
        connection.send("OK (WARNINGS) \"begin\"\r\n");
        connection.start_tls({{"", credentials_of(bundle)}});
      },
      Protocol::sieve);
  CHECK(result.shown());
  CHECK(result.banner == R"("IMPLEMENTATION" "Pigeonhole")");
}

TEST_CASE("a ManageSieve server that does not begin TLS is told from one that is none") {
  const auto answer_with = [](const std::string& greeting, const std::string& answer) {
    return look_at(
        [&](ServedConnection& connection) {
          connection.send(greeting);
          connection.read_line();
          connection.send(answer);
        },
        Protocol::sieve);
  };
  CHECK(answer_with("OK\r\n", "NO \"not now\"\r\n").status == Status::no_starttls);
  CHECK(answer_with("OK\r\n", "NOTHING\r\n").status == Status::protocol_error);
  CHECK(answer_with("BYE \"busy\"\r\n", "").reason == "greets with \"BYE \"busy\"\"");
  std::string many;
  for (int i = 0; i < 200; ++i)
    many += "\"X\"\r\n";
  CHECK(answer_with(many, "").reason == "greets with too many lines");
}

TEST_CASE("a port where nothing listens is unreachable") {
  const auto result = look(test::closed_port());
  CHECK(result.status == Status::unreachable);
  CHECK(result.reason == "refuses connections");
}

TEST_CASE("a server that says nothing is given up at the deadline") {
  const TlsServer server([](ServedConnection& connection) { connection.read_line(); });
  const auto start = std::chrono::steady_clock::now();
  const auto result = look(server.port(), Protocol::smtp, false, {}, 200ms);
  CHECK(result.status == Status::timed_out);
  CHECK(result.reason == "does not answer in time");
  CHECK(std::chrono::steady_clock::now() - start < 3s);
}

TEST_CASE("a server that begins TLS and then says nothing is given up at the deadline") {
  const TlsServer server([](ServedConnection& connection) {
    connection.send("220 mail\r\n");
    connection.read_line();
    connection.send("250 STARTTLS\r\n");
    connection.read_line();
    connection.send("220 go\r\n");
    std::this_thread::sleep_for(800ms);
  });
  const auto result = look(server.port(), Protocol::smtp, false, {}, 300ms);
  CHECK(result.status == Status::timed_out);
}

TEST_CASE("a server without STARTTLS is told from one that offers it and refuses") {
  const auto without = look_at([](ServedConnection& connection) {
    connection.send("220 mail\r\n");
    connection.read_line();
    connection.send("250-mail\r\n250 XSTARTTLS\r\n");
  });
  CHECK(without.status == Status::no_starttls);
  CHECK(without.reason == "does not offer STARTTLS");
  const auto refusing = look_at([](ServedConnection& connection) {
    connection.send("220 mail\r\n");
    connection.read_line();
    connection.send("250 starttls\r\n");
    connection.read_line();
    connection.send("454 TLS currently unavailable\r\n");
  });
  CHECK(refusing.status == Status::handshake_failed);
  CHECK_THAT(refusing.reason, ContainsSubstring("454 TLS currently unavailable"));
}

TEST_CASE("what is not the protocol is quoted, safe for a terminal") {
  const auto garbage = look_at([](ServedConnection& connection) { connection.send("\x1b[31mSSH-2.0\r\n"); });
  CHECK(garbage.status == Status::protocol_error);
  CHECK(garbage.reason == "greets with \"\\x1b[31mSSH-2.0\"");
  const auto busy = look_at([](ServedConnection& connection) { connection.send("421 too busy\r\n"); });
  CHECK(busy.status == Status::protocol_error);
  CHECK_THAT(busy.reason, ContainsSubstring("421 too busy"));
  const auto closing = look_at([](ServedConnection&) {});
  CHECK(closing.status == Status::protocol_error);
}

TEST_CASE("a line without end, and a reply without end, are cut off") {
  const auto line = look_at([](ServedConnection& connection) { connection.send("220 " + std::string(100'000, 'x')); });
  CHECK(line.status == Status::protocol_error);
  CHECK_THAT(line.reason, ContainsSubstring("line without end"));
  const auto reply = look_at([](ServedConnection& connection) {
    for (int i = 0; i < 200; ++i)
      connection.send("220-more\r\n");
  });
  CHECK(reply.status == Status::protocol_error);
  CHECK_THAT(reply.reason, ContainsSubstring("more than 100 lines"));
}

TEST_CASE("a flood within TLS ends at the limit, and what was shown stays") {
  const auto bundle = test::make_bundle({"mx.example.com"});
  const auto result = look_at(
      [&](ServedConnection& connection) {
        if (!connection.start_tls({{"", credentials_of(bundle)}})) return;
        for (int i = 0; i < 200; ++i)
          connection.send(std::string(10'000, 'x'));
      },
      Protocol::smtp, true);
  CHECK(result.shown());
}

TEST_CASE("text slipped in behind the answer to STARTTLS is refused") {
  const auto bundle = test::make_bundle({"mx.example.com"});
  const auto result = look_at([&](ServedConnection& connection) {
    connection.send("220 mail\r\n");
    connection.read_line();
    connection.send("250 STARTTLS\r\n");
    connection.read_line();
    connection.send("220 go\r\n250 injected\r\n");
    connection.start_tls({{"", credentials_of(bundle)}});
  });
  CHECK(result.status == Status::protocol_error);
  CHECK_THAT(result.reason, ContainsSubstring("more after its answer to STARTTLS"));
}

TEST_CASE("a handshake that fails says why") {
  const auto plain =
      look_at([](ServedConnection& connection) { connection.send("220 this is no TLS\r\n"); }, Protocol::smtp, true);
  CHECK(plain.status == Status::handshake_failed);
  CHECK_THAT(plain.reason, ContainsSubstring("TLS"));
  const auto a = test::make_bundle({"a.example"});
  const auto b = test::make_bundle({"b.example"});
  const auto mismatch = look_at([&](ServedConnection& connection) {
    serve_smtp(connection, {{"", {.private_key = a.private_key, .chain = b.leaf}}});
  });
  CHECK(mismatch.status == Status::handshake_failed);
}

TEST_CASE("an address that is none is our own mistake") {
  RealClock clock;
  CHECK_THROWS(probe(clock, {.address = "localhost", .port = 25}, {}));
}
