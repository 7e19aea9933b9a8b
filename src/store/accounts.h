#pragma once
#include <optional>
#include <string>
#include <vector>

#include "store/state_directory.h"

namespace mxcert::store {

/// An account as last seen. Only its key matters: with it the account is found again.
struct AccountRecord {
  std::string directory;     // URL
  std::string url;           // `kid` (RFC 8555 §6.2)
  bool deactivated = false;  // nothing but a new account will do, and only the administrator asks for one
};

/// One account per CA directory, under accounts/<host>/<path>. Changes need the state directory's lock.
class Accounts {
 public:
  explicit Accounts(StateDirectory directory) : directory_(std::move(directory)) {}

  /// The private key in PEM; empty when there is none yet.
  std::optional<std::string> find_key(const std::string& directory_url) const;
  /// Durable when it returns: to be called before the key is shown to the CA.
  void save_key(const std::string& directory_url, const std::string& private_key_pem);
  /// The key that is to follow the present one, kept beside it until the CA has answered.
  std::optional<std::string> find_next_key(const std::string& directory_url) const;
  void save_next_key(const std::string& directory_url, const std::string& private_key_pem);
  /// In one step: the next key is the key.
  void adopt_next_key(const std::string& directory_url);
  void drop_next_key(const std::string& directory_url);
  /// Puts the key of an account that is of no use any more aside, as key.retired.pem, and forgets the account.
  void retire_key(const std::string& directory_url);
  std::optional<AccountRecord> find(const std::string& directory_url) const;
  void save(const AccountRecord& record);
  /// The key stays.
  void forget(const std::string& directory_url);

  /// What the CA calls itself in CAA records, as its directory said last; empty when that is not known.
  std::vector<std::string> find_caa_identities(const std::string& directory_url) const;
  /// The account's folder is there already.
  void save_caa_identities(const std::string& directory_url, const std::vector<std::string>& identities);

  /// Where the account of this directory is kept. Throws Error for a URL that cannot be a folder.
  std::filesystem::path path(const std::string& directory_url) const;

 private:
  StateDirectory directory_;
};

}  // namespace mxcert::store
