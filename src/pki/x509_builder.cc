#include "pki/x509_builder.h"

#include <openssl/pem.h>
#include <openssl/rand.h>

#include <array>

#include "pki/key.h"

namespace mxcert::pki {
namespace {

constexpr std::size_t max_common_name_bytes = 64;

/// RFC 5280 §4.1.2.2: positive, at most 20 bytes; unpredictable, as it is hashed.
void set_random_serial(X509& x509) {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw_openssl_error("cannot make a serial number");
  bytes.front() = static_cast<unsigned char>((bytes.front() & 0x3F) | 0x40);  // always of the same length
  const Handle<BIGNUM, BN_free> number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&x509)) == nullptr)
    throw_openssl_error("cannot make a serial number");
}

}  // namespace

X509Handle begin_certificate(const PrivateKey& key, SystemTime not_before, SystemTime not_after) {
  X509Handle x509(X509_new());
  if (!x509) throw_openssl_error("cannot allocate");
  set_random_serial(*x509);
  if (X509_set_version(x509.get(), X509_VERSION_3) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(x509.get()), std::chrono::system_clock::to_time_t(not_before)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(x509.get()), std::chrono::system_clock::to_time_t(not_after)) == nullptr ||
      X509_set_pubkey(x509.get(), &key.native()) != 1)
    throw_openssl_error("cannot make a certificate");
  return x509;
}

void set_common_name(X509_NAME& name, std::string_view text) {
  text = text.substr(0, max_common_name_bytes);
  if (X509_NAME_add_entry_by_NID(&name, NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()), -1,
                                 0) != 1)
    throw_openssl_error("cannot set a common name");
}

void add_extension(X509& x509, const X509& issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, const_cast<X509*>(&issuer), &x509, nullptr, nullptr, 0);
  add_extension(x509, ExtensionHandle(X509V3_EXT_conf_nid(nullptr, &context, nid, value)));
}

void add_extension(X509& x509, const ExtensionHandle& extension) {
  if (!extension || X509_add_ext(&x509, extension.get(), -1) != 1) throw_openssl_error("cannot add an extension");
}

std::string finish_certificate(X509& x509, const PrivateKey& signing_key) {
  const EVP_MD* digest = signing_key.type() == KeyType::ecdsa_p384 ? EVP_sha384() : EVP_sha256();
  if (X509_sign(&x509, &signing_key.native(), digest) == 0) throw_openssl_error("cannot sign a certificate");
  const BioHandle pem(BIO_new(BIO_s_mem()));
  if (!pem || PEM_write_bio_X509(pem.get(), &x509) != 1) throw_openssl_error("cannot encode the certificate");
  return bio_content(*pem);
}

}  // namespace mxcert::pki
