#include "self_signed.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "pki/key.h"
#include "pki/openssl.h"

namespace mxcert::test {

using namespace pki;

std::string make_self_signed(const pki::PrivateKey& key, std::span<const std::string> names, SystemTime not_before,
                             std::chrono::seconds lifetime) {
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
      X509_add_ext(x509.get(), subject_alt_name.get(), -1) != 1 || X509_sign(x509.get(), &key.native(), digest) == 0)
    throw_openssl_error("cannot make a self-signed certificate");
  const BioHandle pem(BIO_new(BIO_s_mem()));
  if (!pem || PEM_write_bio_X509(pem.get(), x509.get()) != 1) throw_openssl_error("cannot encode the certificate");
  return bio_content(*pem);
}

}  // namespace mxcert::test
