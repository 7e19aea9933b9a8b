#include "pki/authority.h"

#include <openssl/x509_vfy.h>

#include "base/error.h"
#include "catch.h"
#include "pki/key.h"
#include "pki/openssl.h"

using namespace mxcert;
using namespace mxcert::pki;
using namespace std::chrono_literals;

namespace {

const SystemTime noon = *parse_time("2026-11-23T12:00:00Z");
const std::vector<std::string> names{"mx.example.com", "mx2.example.com"};

X509Handle decode(const Certificate& certificate) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(certificate.der.data());
  return X509Handle(d2i_X509(nullptr, &bytes, static_cast<long>(certificate.der.size())));
}

struct Fixture {
  PrivateKey authority_key = PrivateKey::generate(KeyType::ecdsa_p256);
  Certificate authority = parse_certificates(make_authority(authority_key, "mxcert CA", noon, 3650 * 24h)).front();

  Certificate issue(KeyType type, std::chrono::seconds lifetime = 90 * 24h) const {
    const PrivateKey key = PrivateKey::generate(type);
    return parse_certificates(issue_certificate(authority_key, authority, key, names, noon, lifetime)).front();
  }
  /// What OpenSSL, which trusts the authority, makes of `leaf` as a certificate for `purpose`.
  int verify(const Certificate& leaf, int purpose, const std::vector<Certificate>& between = {}) const {
    const Handle<X509_STORE, X509_STORE_free> store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), decode(authority).get());
    Handle<STACK_OF(X509), [](STACK_OF(X509) * list) { sk_X509_pop_free(list, X509_free); }> chain(sk_X509_new_null());
    for (const Certificate& certificate : between)
      sk_X509_push(chain.get(), decode(certificate).release());
    const X509Handle x509 = decode(leaf);
    const Handle<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), x509.get(), chain.get());
    X509_STORE_CTX_set_purpose(context.get(), purpose);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()),
                               std::chrono::system_clock::to_time_t(noon + 24h));
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()), X509_V_FLAG_X509_STRICT);
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "who trusts the authority trusts its certificates as those of TLS servers") {
  const KeyType type = GENERATE(KeyType::ecdsa_p256, KeyType::rsa_2048);
  const Certificate leaf = issue(type);
  CHECK(leaf.names == names);
  CHECK(leaf.key_type == type);
  CHECK(leaf.not_before == noon);
  CHECK(leaf.lifetime() == 90 * 24h);
  CHECK(verify(leaf, X509_PURPOSE_SSL_SERVER) == X509_V_OK);
}

TEST_CASE_METHOD(Fixture, "the authority can vouch for nothing but TLS servers, and for no other authority") {
  CHECK(verify(issue(KeyType::ecdsa_p256), X509_PURPOSE_SSL_CLIENT) == X509_V_ERR_INVALID_PURPOSE);
  CHECK(verify(authority, X509_PURPOSE_SMIME_SIGN) == X509_V_ERR_INVALID_PURPOSE);
  CHECK((X509_get_key_usage(decode(authority).get()) & ~KU_KEY_CERT_SIGN) == 0);
  CHECK(X509_get_pathlen(decode(authority).get()) == 0);
  CHECK((X509_get_extension_flags(decode(issue(KeyType::rsa_2048)).get()) & EXFLAG_CA) == 0);
}

TEST_CASE_METHOD(Fixture, "a certificate does not outlive the authority, and has a serial number of its own") {
  CHECK(issue(KeyType::ecdsa_p256, 5000 * 24h).not_after == authority.not_after);
  CHECK(issue(KeyType::ecdsa_p256).serial != issue(KeyType::ecdsa_p256).serial);
  CHECK(issue(KeyType::ecdsa_p256).serial.size() == 32);
}

TEST_CASE_METHOD(Fixture, "an authority's certificate that is not for its key signs nothing") {
  const PrivateKey other = PrivateKey::generate(KeyType::ecdsa_p256);
  CHECK_THROWS_WITH(issue_certificate(other, authority, other, names, noon, 90 * 24h),
                    ContainsSubstring("another key"));
}

TEST_CASE_METHOD(Fixture, "a long name is in the certificate, if not in its subject") {
  const std::vector<std::string> long_names{std::string(63, 'a') + ".example.com"};
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  const Certificate leaf =
      parse_certificates(issue_certificate(authority_key, authority, key, long_names, noon, 48h)).front();
  CHECK(leaf.names == long_names);
  CHECK(verify(leaf, X509_PURPOSE_SSL_SERVER) == X509_V_OK);
}
