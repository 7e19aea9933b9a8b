#include "pki/trust.h"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <vector>

#include "base/error.h"
#include "pki/openssl.h"

namespace mxcert::pki {
namespace {

void free_stack(STACK_OF(X509) * stack) {
  sk_X509_free(stack);
}

X509Handle decode_link(const Certificate& certificate) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(certificate.der.data());
  X509Handle x509(d2i_X509(nullptr, &bytes, static_cast<long>(certificate.der.size())));
  if (!x509) throw_openssl_error("not a certificate");
  return x509;
}

}  // namespace

std::string find_trust_problem(std::span<const Certificate> chain, SystemTime now) {
  if (chain.empty()) throw Error("no certificate");
  const Handle<X509_STORE, X509_STORE_free> roots(X509_STORE_new());
  const Handle<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  const Handle<STACK_OF(X509), free_stack> others(sk_X509_new_null());
  std::vector<X509Handle> certificates;
  for (const Certificate& certificate : chain)
    certificates.push_back(decode_link(certificate));
  for (std::size_t i = 1; i < certificates.size(); ++i)
    sk_X509_push(others.get(), certificates[i].get());
  if (!roots || !context || !others || X509_STORE_set_default_paths(roots.get()) != 1 ||
      X509_STORE_CTX_init(context.get(), roots.get(), certificates.front().get(), others.get()) != 1)
    throw_openssl_error("cannot look at the chain");
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_time(rules, std::chrono::system_clock::to_time_t(now));
  if (X509_verify_cert(context.get()) == 1) return {};
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

}  // namespace mxcert::pki
