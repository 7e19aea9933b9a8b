#include "store/internal_authority.h"

#include "base/files.h"

namespace mxcert::store {
namespace {
constexpr std::size_t max_pem_bytes = 64 << 10;
}  // namespace

std::filesystem::path InternalAuthority::key_path() const {
  return directory_.root() / "internal-ca" / "key.pem";
}

std::filesystem::path InternalAuthority::certificate_path() const {
  return directory_.root() / "internal-ca" / "root.pem";
}

std::optional<std::string> InternalAuthority::find_key() const {
  return read_file_if_exists(key_path(), max_pem_bytes);
}

std::optional<std::string> InternalAuthority::find_certificate() const {
  return read_file_if_exists(certificate_path(), max_pem_bytes);
}

void InternalAuthority::save_key(const std::string& private_key_pem) {
  save(key_path(), private_key_pem, 0600);
}

void InternalAuthority::save_certificate(const std::string& certificate_pem) {
  save(certificate_path(), certificate_pem, 0644);
}

void InternalAuthority::save(const std::filesystem::path& path, const std::string& pem, mode_t mode) {
  make_directory(path.parent_path(), private_directory);
  write_file_atomically(path, pem, {.mode = mode}, directory_.tmp());
}

}  // namespace mxcert::store
