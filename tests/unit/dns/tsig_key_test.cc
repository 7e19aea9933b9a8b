#include "base/error.h"
#include "catch.h"
#include "dns/update.h"

using namespace mxcert;
using dns::parse_tsig_key;

TEST_CASE("a TSIG key is read as BIND's and Knot's tools write it") {
  const auto key = parse_tsig_key("key \"Mail.Example.\" {\n\talgorithm HMAC-SHA256;\n\tsecret \"c2Vj//V0\";\n};\n");
  CHECK(key.name == "mail.example");
  CHECK(key.algorithm == "hmac-sha256");
  CHECK(key.secret == "c2Vj//V0");
  CHECK(parse_tsig_key("# made by hand\nkey k{secret AAA=; // why\n algorithm hmac-sha512.;}").algorithm ==
        "hmac-sha512");
  for (const char* algorithm : {"hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"})
    CHECK(parse_tsig_key("key k { algorithm " + std::string(algorithm) + "; secret AAAA; };").algorithm == algorithm);
}

TEST_CASE("what is no TSIG key is refused, and its secret not shown") {
  for (const char* text : {
           "",
           "key",
           "key k",
           "key k {",
           "key k { algorithm hmac-sha256; secret \"SECRETAA\";",
           "key k { algorithm hmac-sha256; secret \"SECRETAA\" };",
           "key k { algorithm hmac-sha256; secret \"SECRETAA; };",
           "key k { algorithm hmac-md5; secret \"SECRETAA\"; };",
           "key k { secret \"SECRETAA\"; };",
           "key k { algorithm hmac-sha256; };",
           "key k { algorithm hmac-sha256; secret \"SECRET AA\"; };",
           "key k { algorithm hmac-sha256; secret \"SECRETAAA\"; };",
           "key . { algorithm hmac-sha256; secret \"SECRETAA\"; };",
           "hmac-sha256:k:SECRETAA",
           "zone k { algorithm hmac-sha256; secret \"SECRETAA\"; };",
       }) {
    INFO(text);
    try {
      parse_tsig_key(text);
      FAIL("was read");
    } catch (const Error& error) {
      CHECK(error.code() == "tsig_key");
      CHECK(error.message().find("SECRET") == std::string::npos);
      CHECK_FALSE(error.hint().empty());
    }
  }
}
