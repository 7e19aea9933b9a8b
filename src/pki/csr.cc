#include "pki/csr.h"

#include <openssl/x509.h>

#include "pki/key.h"
#include "pki/openssl.h"

namespace mxcert::pki {

std::string make_csr(const PrivateKey& key, std::span<const std::string> names) {
  const Handle<X509_REQ, X509_REQ_free> request(X509_REQ_new());
  Handle<STACK_OF(X509_EXTENSION),
         [](STACK_OF(X509_EXTENSION) * list) { sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free); }>
      extensions(sk_X509_EXTENSION_new_null());
  ExtensionHandle subject_alt_name = make_subject_alt_name(names);
  if (!request || !extensions || sk_X509_EXTENSION_push(extensions.get(), subject_alt_name.get()) == 0)
    throw_openssl_error("cannot allocate");
  static_cast<void>(subject_alt_name.release());
  const EVP_MD* digest = key.type() == KeyType::ecdsa_p384 ? EVP_sha384() : EVP_sha256();
  if (X509_REQ_set_version(request.get(), 0) != 1 || X509_REQ_set_pubkey(request.get(), &key.native()) != 1 ||
      X509_REQ_add_extensions(request.get(), extensions.get()) != 1 ||
      X509_REQ_sign(request.get(), &key.native(), digest) == 0)
    throw_openssl_error("cannot make the certificate signing request");
  return to_der<i2d_X509_REQ>(*request);
}

}  // namespace mxcert::pki
