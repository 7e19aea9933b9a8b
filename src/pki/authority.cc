#include "pki/authority.h"

#include <openssl/x509.h>

#include <algorithm>

#include "base/error.h"
#include "pki/key.h"
#include "pki/x509_builder.h"

namespace mxcert::pki {
namespace {

X509Handle decode_authority(std::string_view der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  X509Handle x509(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
  if (!x509) throw_openssl_error("not a certificate");
  return x509;
}

}  // namespace

std::string make_authority(const PrivateKey& key, std::string_view common_name, SystemTime not_before,
                           std::chrono::seconds lifetime) {
  const X509Handle x509 = begin_certificate(key, not_before, not_before + lifetime);
  set_common_name(*X509_get_subject_name(x509.get()), common_name);
  if (X509_set_issuer_name(x509.get(), X509_get_subject_name(x509.get())) != 1)
    throw_openssl_error("cannot make a CA's certificate");
  add_extension(*x509, *x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(*x509, *x509, NID_key_usage, "critical,keyCertSign");
  add_extension(*x509, *x509, NID_ext_key_usage, "serverAuth");
  add_extension(*x509, *x509, NID_subject_key_identifier, "hash");
  return finish_certificate(*x509, key);
}

std::string issue_certificate(const PrivateKey& authority_key, const Certificate& authority, const PrivateKey& key,
                              std::span<const std::string> names, SystemTime not_before,
                              std::chrono::seconds lifetime) {
  if (authority.public_key_der != authority_key.public_key_der())
    throw Error("the CA's certificate is for another key than its own");
  const X509Handle issuer = decode_authority(authority.der);
  const X509Handle x509 = begin_certificate(key, not_before, std::min(not_before + lifetime, authority.not_after));
  if (!names.empty()) set_common_name(*X509_get_subject_name(x509.get()), names.front());
  if (X509_set_issuer_name(x509.get(), X509_get_subject_name(issuer.get())) != 1)
    throw_openssl_error("cannot make a certificate");
  const bool is_rsa = family_of(key.type()) == KeyFamily::rsa;
  add_extension(*x509, *issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(*x509, *issuer, NID_key_usage,
                is_rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature");
  add_extension(*x509, *issuer, NID_ext_key_usage, "serverAuth");
  add_extension(*x509, *issuer, NID_subject_key_identifier, "hash");
  add_extension(*x509, *issuer, NID_authority_key_identifier, "keyid:always");
  add_extension(*x509, make_subject_alt_name(names));
  return finish_certificate(*x509, authority_key);
}

}  // namespace mxcert::pki
