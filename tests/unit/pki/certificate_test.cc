#include "pki/certificate.h"

#include <algorithm>

#include "base/error.h"
#include "catch.h"
#include "pki/csr.h"
#include "pki/key.h"
#include "pki/openssl.h"
#include "self_signed.h"

using namespace mxcert;
using namespace mxcert::pki;
using namespace std::chrono_literals;

namespace {
const SystemTime noon = *parse_time("2026-11-23T12:00:00Z");
const PrivateKey& our_key() {
  static const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  return key;
}
std::vector<Certificate> self_signed(const std::vector<std::string>& names) {
  return parse_certificates(test::make_self_signed(our_key(), names, noon, 90 * 24h));
}
}  // namespace

TEST_CASE("a certificate's names, dates and digests are read") {
  const auto chain = self_signed({"mx.example.com", "MX2.example.com"});
  REQUIRE(chain.size() == 1);
  const Certificate& leaf = chain.front();
  CHECK(leaf.names == std::vector<std::string>{"mx.example.com", "mx2.example.com"});
  CHECK(leaf.not_before == noon);
  CHECK(leaf.lifetime() == 90 * 24h);
  CHECK(leaf.public_key_der == our_key().public_key_der());
  CHECK(leaf.key_type == KeyType::ecdsa_p256);
  CHECK(leaf.key_family == KeyFamily::ecdsa);
  CHECK(leaf.sha256_fingerprint.size() == 64);
  CHECK(parse_certificate_der(leaf.der).pem == leaf.pem);
}

TEST_CASE("a certificate's name in renewal information is that of the example (RFC 9773 appendix A)") {
  const std::string example = R"(-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
)";
  const Certificate leaf = parse_certificates(example).front();
  CHECK(leaf.renewal_id == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
  CHECK(leaf.not_after < noon);                                       // in the year 1: earlier than SystemTime can tell
  CHECK(self_signed({"mx.example.com"}).front().renewal_id.empty());  // it names no authority's key
}

TEST_CASE("who signed a certificate is told by the key") {
  const Certificate leaf = self_signed({"mx.example.com"}).front();
  CHECK(is_signed_by(leaf, our_key().public_key_der()));
  CHECK_FALSE(is_signed_by(leaf, PrivateKey::generate(KeyType::ecdsa_p256).public_key_der()));
  CHECK_FALSE(is_signed_by(leaf, PrivateKey::generate(KeyType::rsa_2048).public_key_der()));
  CHECK_FALSE(is_signed_by(leaf, "no key"));
  CHECK_FALSE(is_signed_by(leaf, ""));
}

TEST_CASE("a wildcard stands for exactly one label (RFC 9525 section 6.3)") {
  Certificate certificate;
  certificate.names = {"*.example.com"};
  CHECK(covers(certificate, "mx.example.com"));
  CHECK_FALSE(covers(certificate, "a.mx.example.com"));
  CHECK_FALSE(covers(certificate, "example.com"));
  CHECK_FALSE(covers(certificate, ".example.com"));
}

TEST_CASE("nothing goes live that does not fit together") {
  const auto chain = self_signed({"mx.example.com"});
  const std::vector<std::string> names{"mx.example.com"};
  CHECK_NOTHROW(check_chain(chain, our_key(), names, noon + 1h));

  CHECK_THROWS_WITH(check_chain(chain, PrivateKey::generate(KeyType::ecdsa_p256), names, noon + 1h),
                    ContainsSubstring("another key"));
  const std::vector<std::string> more{"mx.example.com", "mx2.example.com"};
  CHECK_THROWS_WITH(check_chain(chain, our_key(), more, noon + 1h), ContainsSubstring("mx2.example.com"));
  CHECK_THROWS_WITH(check_chain(chain, our_key(), names, noon - 1h), ContainsSubstring("not valid before"));
  CHECK_THROWS_WITH(check_chain(chain, our_key(), names, noon + 91 * 24h), ContainsSubstring("expired"));
  auto unrelated = chain;
  unrelated.push_back(self_signed({"other.example"}).front());
  CHECK_THROWS_WITH(check_chain(unrelated, our_key(), names, noon + 1h), ContainsSubstring("chain is broken"));
}

TEST_CASE("text that is no certificate is refused") {
  CHECK_THROWS_WITH(parse_certificates("hello"), ContainsSubstring("no certificate"));
  const std::string pem = self_signed({"mx.example.com"}).front().pem;
  CHECK_THROWS_WITH(parse_certificates(pem.substr(0, pem.size() / 2)), ContainsSubstring("cut off"));
  std::string broken = pem;
  std::ranges::replace(broken, 'M', '!');
  CHECK_THROWS_AS(parse_certificates(broken), Error);
  std::string many;
  for (int i = 0; i < 21; ++i)
    many += pem;
  CHECK_THROWS_WITH(parse_certificates(many), ContainsSubstring("more than 20"));
}

TEST_CASE("a signing request can be made with every key type") {
  const auto type = GENERATE(KeyType::ecdsa_p256, KeyType::ecdsa_p384, KeyType::rsa_2048);
  const std::vector<std::string> names{"mx.example.com"};
  const std::string der = make_csr(PrivateKey::generate(type), names);
  CHECK(der.find("mx.example.com") != std::string::npos);
}

TEST_CASE("a signing request asks for the names and nothing else: no common name, no use of the key") {
  const std::vector<std::string> names{"mx.example.com", "*.example.net"};
  const std::string der = make_csr(PrivateKey::generate(KeyType::ecdsa_p256), names);
  const auto* position = reinterpret_cast<const unsigned char*>(der.data());
  const Handle<X509_REQ, X509_REQ_free> request(d2i_X509_REQ(nullptr, &position, static_cast<long>(der.size())));
  REQUIRE(request);
  CHECK(X509_NAME_entry_count(X509_REQ_get_subject_name(request.get())) == 0);
  CHECK(X509_REQ_get_attr_count(request.get()) == 1);  // the extensions
  const Handle<STACK_OF(X509_EXTENSION),
               [](STACK_OF(X509_EXTENSION) * list) { sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free); }>
      extensions(X509_REQ_get_extensions(request.get()));
  REQUIRE(sk_X509_EXTENSION_num(extensions.get()) == 1);
  const auto* extension = sk_X509_EXTENSION_value(extensions.get(), 0);
  CHECK(OBJ_obj2nid(X509_EXTENSION_get_object(const_cast<X509_EXTENSION*>(extension))) == NID_subject_alt_name);
  CHECK(X509_REQ_verify(request.get(), X509_REQ_get0_pubkey(request.get())) == 1);
}
