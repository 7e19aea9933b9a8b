#include "pki/certificate.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/text.h"
#include "pki/key.h"
#include "pki/openssl.h"

namespace mxcert::pki {
namespace {

constexpr std::size_t max_chain_length = 20;

SystemTime to_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) throw_openssl_error("certificate with an invalid date");
  // What SystemTime, which counts nanoseconds, can hold; certificates may say the years 0 to 9999.
  constexpr std::time_t limit = 9'000'000'000;
  return std::chrono::system_clock::from_time_t(std::clamp(::timegm(&parts), -limit, limit));
}

std::string to_text(const X509_NAME* name) {
  const BioHandle bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0)
    throw_openssl_error("certificate with an invalid name");
  return printable(bio_content(*bio), 300);
}

std::string bytes_of(const ASN1_STRING* value) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                     static_cast<std::size_t>(ASN1_STRING_length(value)));
}

std::string common_name(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  return at < 0 ? std::string() : printable(bytes_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at))), 300);
}

std::vector<std::string> dns_names(const X509& x509) {
  std::vector<std::string> names;
  const GeneralNamesHandle general_names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&x509, NID_subject_alt_name, nullptr, nullptr)));
  if (!general_names) return names;
  for (int i = 0; i < sk_GENERAL_NAME_num(general_names.get()); ++i) {
    const GENERAL_NAME* general_name = sk_GENERAL_NAME_value(general_names.get(), i);
    if (general_name->type == GEN_DNS) names.push_back(to_lower_ascii(bytes_of(general_name->d.dNSName)));
  }
  return names;
}

/// RFC 9773 §4.1: keyIdentifier and the content of the DER INTEGER serialNumber, a leading zero byte included.
std::string renewal_id(X509& x509) {
  constexpr std::size_t tag_and_length = 2;
  constexpr std::size_t longest_short_form = 127;
  const ASN1_OCTET_STRING* authority = X509_get0_authority_key_id(&x509);
  const std::string serial = to_der<i2d_ASN1_INTEGER>(*X509_get_serialNumber(&x509));
  if (authority == nullptr || serial.size() > tag_and_length + longest_short_form) return {};
  return to_base64url(bytes_of(authority)) + "." + to_base64url(serial.substr(tag_and_length));
}

X509Handle decode(std::string_view der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  X509Handle x509(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
  if (!x509) throw_openssl_error("not a certificate");
  return x509;
}

std::optional<KeyFamily> family_of(const EVP_PKEY& key) {
  if (EVP_PKEY_is_a(&key, "EC") == 1) return KeyFamily::ecdsa;
  if (EVP_PKEY_is_a(&key, "RSA") == 1) return KeyFamily::rsa;
  return std::nullopt;
}

Certificate describe(X509& x509) {
  Certificate certificate;
  certificate.der = to_der<i2d_X509>(x509);
  const BioHandle pem(BIO_new(BIO_s_mem()));
  if (!pem || PEM_write_bio_X509(pem.get(), &x509) != 1) throw_openssl_error("cannot encode the certificate");
  certificate.pem = bio_content(*pem);
  certificate.names = dns_names(x509);
  certificate.not_before = to_time(X509_get0_notBefore(&x509));
  certificate.not_after = to_time(X509_get0_notAfter(&x509));
  certificate.serial = to_hex(bytes_of(X509_get0_serialNumber(&x509)));
  certificate.subject = to_text(X509_get_subject_name(&x509));
  certificate.issuer_common_name = common_name(X509_get_issuer_name(&x509));
  certificate.issuer = to_text(X509_get_issuer_name(&x509));
  EVP_PKEY* key = X509_get0_pubkey(&x509);
  if (key == nullptr) throw_openssl_error("certificate with an unusable public key");
  certificate.public_key_der = to_der<i2d_PUBKEY>(*key);
  certificate.key_family = family_of(*key);
  certificate.key_type = find_key_type(*key);
  if (const ASN1_OCTET_STRING* id = X509_get0_authority_key_id(&x509))
    certificate.authority_key_id = to_hex(bytes_of(id));
  certificate.renewal_id = renewal_id(x509);
  certificate.sha256_fingerprint = to_hex(sha256(certificate.der));
  certificate.spki_sha256 = to_hex(sha256(certificate.public_key_der));
  return certificate;
}

void check_issued_by(const Certificate& subject, const Certificate& issuer) {
  const X509Handle subject_x509 = decode(subject.der);
  const X509Handle issuer_x509 = decode(issuer.der);
  EVP_PKEY* issuer_key = X509_get0_pubkey(issuer_x509.get());
  if (X509_check_issued(issuer_x509.get(), subject_x509.get()) == X509_V_OK && issuer_key != nullptr &&
      X509_verify(subject_x509.get(), issuer_key) == 1)
    return;
  throw Error(fmt::format("the chain is broken: {} is not signed by the certificate that follows it, {}",
                          subject.subject.empty() ? "the certificate" : subject.subject, issuer.subject));
}

}  // namespace

std::chrono::seconds Certificate::lifetime() const {
  return std::chrono::duration_cast<std::chrono::seconds>(not_after - not_before);
}

Certificate parse_certificate_der(std::string_view der) {
  return describe(*decode(der));
}

std::vector<Certificate> parse_certificates(std::string_view pem) {
  constexpr std::string_view begin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view end = "-----END CERTIFICATE-----";
  std::vector<Certificate> chain;
  for (auto at = pem.find(begin); at != std::string_view::npos; at = pem.find(begin, at)) {
    const auto stop = pem.find(end, at);
    if (stop == std::string_view::npos) throw Error("a certificate in PEM is cut off");
    if (chain.size() == max_chain_length)
      throw Error(fmt::format("more than {} certificates in one chain", max_chain_length));
    const std::string_view block = pem.substr(at, stop + end.size() - at);
    const BioHandle bio = bio_over(block);
    const X509Handle x509(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!x509) throw_openssl_error("not a certificate");
    chain.push_back(describe(*x509));
    at = stop;
  }
  if (chain.empty()) throw Error("no certificate in PEM found");
  return chain;
}

bool covers(const Certificate& certificate, std::string_view host) {
  const auto first_dot = host.find('.');
  return std::ranges::any_of(certificate.names, [&](const std::string& name) {
    if (name == host) return true;
    return name.starts_with("*.") && first_dot != 0 && first_dot != std::string_view::npos &&
           host.substr(first_dot) == std::string_view(name).substr(1);
  });
}

bool is_signed_by(const Certificate& certificate, std::string_view public_key_der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(public_key_der.data());
  const Handle<EVP_PKEY, EVP_PKEY_free> key(d2i_PUBKEY(nullptr, &bytes, static_cast<long>(public_key_der.size())));
  const bool verified = key && X509_verify(decode(certificate.der).get(), key.get()) == 1;
  ERR_clear_error();
  return verified;
}

void check_chain(std::span<const Certificate> chain, const PrivateKey& key, std::span<const std::string> names,
                 SystemTime now) {
  if (chain.empty()) throw Error("no certificate");
  const Certificate& leaf = chain.front();
  if (leaf.public_key_der != key.public_key_der()) throw Error("the certificate is for another key than ours");
  for (const std::string& name : names)
    if (!covers(leaf, name)) throw Error(fmt::format("the certificate does not hold the name {}", name));
  if (now < leaf.not_before)
    throw Error(fmt::format("the certificate is not valid before {}", format_time(leaf.not_before)),
                "check this machine's clock");
  if (now >= leaf.not_after) throw Error(fmt::format("the certificate expired at {}", format_time(leaf.not_after)));
  for (std::size_t i = 0; i + 1 < chain.size(); ++i)
    check_issued_by(chain[i], chain[i + 1]);
}

}  // namespace mxcert::pki
