#include "pki/self_signed.h"

#include <openssl/x509.h>

#include "pki/key.h"
#include "pki/x509_builder.h"

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
  const X509Handle x509 = begin_certificate(key, not_before, not_before + lifetime);
  set_common_name(*X509_get_subject_name(x509.get()), names.empty() ? "mxcert" : std::string_view(names.front()));
  if (X509_set_issuer_name(x509.get(), X509_get_subject_name(x509.get())) != 1)
    throw_openssl_error("cannot make a self-signed certificate");
  add_extension(*x509, make_subject_alt_name(names));
  if (!key_authorization.empty()) add_extension(*x509, make_acme_identifier(key_authorization));
  return finish_certificate(*x509, key);
}

}  // namespace mxcert::pki
