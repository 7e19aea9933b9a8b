#include "pki/self_signed.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "pki/key.h"
#include "pki/openssl.h"

namespace mxcert::pki {

namespace {

/// RFC 8737 §3: critical, the SHA-256 of the key authorization as an OCTET STRING.
ExtensionHandle make_acme_identifier(std::string_view key_authorization) {
  const std::string digest = sha256(key_authorization);
  const std::string der = std::string("\x04\x20", 2) + digest;  // OCTET STRING, 32 octets
  const Handle<ASN1_OBJECT, ASN1_OBJECT_free> oid(OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
  const Handle<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> value(ASN1_OCTET_STRING_new());
  if (!oid || !value ||
      ASN1_OCTET_STRING_set(value.get(), reinterpret_cast<const unsigned char*>(der.data()),
                            static_cast<int>(der.size())) != 1)
    throw_openssl_error("cannot allocate");
  ExtensionHandle extension(X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 1, value.get()));
  if (!extension) throw_openssl_error("cannot encode the acmeIdentifier extension");
  return extension;
}

}  // namespace

std::string make_self_signed(const PrivateKey& key, std::span<const std::string> names, SystemTime not_before,
                             std::chrono::seconds lifetime, std::string_view key_authorization) {
  const X509Handle x509(X509_new());
  std::uint64_t serial = 0;
  const ExtensionHandle subject_alt_name = make_subject_alt_name(names);
  if (!x509 || RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1)
    throw_openssl_error("cannot allocate");
  X509_NAME* name = X509_get_subject_name(x509.get());
  const std::string common_name = names.empty() ? "mxcert" : names.front().substr(0, 64);
  const auto start = std::chrono::system_clock::to_time_t(not_before);
  const EVP_MD* digest = key.type() == KeyType::ecdsa_p384 ? EVP_sha384() : EVP_sha256();
  if (X509_set_version(x509.get(), X509_VERSION_3) != 1 ||
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509.get()), serial >> 1) != 1 ||
      ASN1_TIME_set(X509_getm_notBefore(x509.get()), start) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(x509.get()), start + static_cast<std::time_t>(lifetime.count())) == nullptr ||
      X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1 ||
      X509_set_issuer_name(x509.get(), name) != 1 || X509_set_pubkey(x509.get(), &key.native()) != 1 ||
      X509_add_ext(x509.get(), subject_alt_name.get(), -1) != 1 ||
      (!key_authorization.empty() &&
       X509_add_ext(x509.get(), make_acme_identifier(key_authorization).get(), -1) != 1) ||
      X509_sign(x509.get(), &key.native(), digest) == 0)
    throw_openssl_error("cannot make a self-signed certificate");
  const BioHandle pem(BIO_new(BIO_s_mem()));
  if (!pem || PEM_write_bio_X509(pem.get(), x509.get()) != 1) throw_openssl_error("cannot encode the certificate");
  return bio_content(*pem);
}

}  // namespace mxcert::pki
