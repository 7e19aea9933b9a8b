#pragma once
#include <optional>
#include <string>

#include "store/state_directory.h"

namespace mxcert::store {

/// The CA of our own, in internal-ca/: its key (0600) and its certificate. Changes need the state directory's lock.
class InternalAuthority {
 public:
  explicit InternalAuthority(StateDirectory directory) : directory_(std::move(directory)) {}

  /// The private key in PEM; empty when there is none yet.
  std::optional<std::string> find_key() const;
  void save_key(const std::string& private_key_pem);
  /// The certificate in PEM; empty when there is none yet.
  std::optional<std::string> find_certificate() const;
  void save_certificate(const std::string& certificate_pem);

  std::filesystem::path key_path() const;
  std::filesystem::path certificate_path() const;

 private:
  void save(const std::filesystem::path& path, const std::string& pem, mode_t mode);

  StateDirectory directory_;
};

}  // namespace mxcert::store
