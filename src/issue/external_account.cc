#include "issue/external_account.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "config/ca_config.h"
#include "pki/key.h"
#include "report/report.h"

namespace mxcert::issue {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t max_key_file_bytes = 4096;

/// Some sites show it with padding, which RFC 7515 §2 leaves out.
std::string read_key(const fs::path& file) {
  std::string text;
  try {
    text = read_file(file, max_key_file_bytes);
  } catch (const Error& e) {
    throw ConfigError("the HMAC key of the external account: " + e.message(), "check [ca] eab, or --eab-key-file");
  }
  std::string_view encoded = trim(text);
  while (encoded.ends_with('='))
    encoded.remove_suffix(1);
  auto key = from_base64url(encoded);
  if (!key || key->empty())
    throw ConfigError(fmt::format("{} holds no HMAC key in base64url", file.string()),
                      "put the key into it as the CA's site shows it, and nothing else");
  return *std::move(key);
}

void warn_of_readers(const fs::path& file, report::Report& report) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || (status.st_mode & S_IROTH) == 0) return;
  report.add_warning({.code = "eab_key_readable",
                      .subject = file.string(),
                      .message = fmt::format("everybody on this machine can read the HMAC key in {}", file.string()),
                      .hint = fmt::format("chmod 600 {}", file.string())});
}

}  // namespace

std::optional<acme::ExternalAccount> load_external_account(const config::CaConfig& ca, report::Report& report) {
  if (!ca.eab) return std::nullopt;
  std::string key = read_key(ca.eab->key_file);
  warn_of_readers(ca.eab->key_file, report);
  return acme::ExternalAccount{.key_id = ca.eab->key_id,
                               .algorithm = fmt::format("HS{}", ca.eab->sha_bits),
                               .authenticate = [bits = ca.eab->sha_bits, key = std::move(key)](std::string_view data) {
                                 return pki::hmac(bits, key, data);
                               }};
}

}  // namespace mxcert::issue
