#pragma once
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <span>
#include <string>
#include <string_view>

#include "base/handle.h"

namespace mxcert::pki {

using BioHandle = Handle<BIO, BIO_free_all>;
using X509Handle = Handle<X509, X509_free>;
using ExtensionHandle = Handle<X509_EXTENSION, X509_EXTENSION_free>;
using GeneralNamesHandle = Handle<GENERAL_NAMES, GENERAL_NAMES_free>;

/// The text of OpenSSL's oldest queued error, the queue emptied.
std::string openssl_error();
/// Throws Error: `what`: OpenSSL's reason.
[[noreturn]] void throw_openssl_error(std::string_view what);

/// What was written to a memory BIO.
std::string bio_content(BIO& bio);
/// A read-only BIO over `text`, which must outlive it.
BioHandle bio_over(std::string_view text);
/// What an i2d_ function makes of `object`.
template <auto i2d_function, typename T>
std::string to_der(T& object) {
  unsigned char* bytes = nullptr;
  const int length = i2d_function(&object, &bytes);
  if (length < 0) throw_openssl_error("cannot encode");
  std::string der(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(length));
  OPENSSL_free(bytes);
  return der;
}

/// The subjectAltName extension with `names` as dNSName.
ExtensionHandle make_subject_alt_name(std::span<const std::string> names);

}  // namespace mxcert::pki
