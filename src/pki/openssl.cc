#include "pki/openssl.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <array>
#include <span>

#include "base/error.h"

namespace mxcert::pki {

std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

void throw_openssl_error(std::string_view what) {
  throw Error(fmt::format("{}: {}", what, openssl_error()));
}

std::string bio_content(BIO& bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(&bio, &data);
  return std::string(data, static_cast<std::size_t>(length));
}

BioHandle bio_over(std::string_view text) {
  BioHandle bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) throw_openssl_error("cannot allocate");
  return bio;
}

ExtensionHandle make_subject_alt_name(std::span<const std::string> names) {
  GeneralNamesHandle general_names(GENERAL_NAMES_new());
  if (!general_names) throw_openssl_error("cannot allocate");
  for (const std::string& name : names) {
    Handle<GENERAL_NAME, GENERAL_NAME_free> general_name(GENERAL_NAME_new());
    Handle<ASN1_IA5STRING, ASN1_IA5STRING_free> text(ASN1_IA5STRING_new());
    if (!general_name || !text || ASN1_STRING_set(text.get(), name.data(), static_cast<int>(name.size())) != 1)
      throw_openssl_error("cannot allocate");
    GENERAL_NAME_set0_value(general_name.get(), GEN_DNS, text.release());
    if (sk_GENERAL_NAME_push(general_names.get(), general_name.get()) == 0) throw_openssl_error("cannot allocate");
    static_cast<void>(general_name.release());
  }
  ExtensionHandle extension(X509V3_EXT_i2d(NID_subject_alt_name, 0, general_names.get()));
  if (!extension) throw_openssl_error("cannot encode the subjectAltName extension");
  return extension;
}

}  // namespace mxcert::pki
