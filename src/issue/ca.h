#pragma once
#include <memory>
#include <optional>

#include "acme/client.h"
#include "acme/curl_transport.h"
#include "base/clock.h"
#include "config/ca_config.h"
#include "pki/key.h"

namespace mxcert::issue {

struct Run;

/// One CA and our account there. Nothing is sent before the first use. All that speak to the CA throw what acme::Client
/// throws; changes need the state directory's lock.
class CertificateAuthority {
 public:
  CertificateAuthority(Run& run, config::CaConfig config) : run_(run), config_(std::move(config)) {}

  const config::CaConfig& config() const { return config_; }

  /// A client with an account: the known one, the one the CA finds by our key, or a new one. The key is stored before
  /// the CA sees it. Throws Error (code `account_deactivated`) rather than make a new account in the place of one that
  /// the administrator has ended.
  acme::Client& client(Deadline deadline);
  /// For what needs no account; registers none.
  acme::Client& client_without_account();
  /// A client that signs with `key`, which it borrows, and has no account: for what the certificate's own key may ask.
  acme::Client client_of(const pki::PrivateKey& key) { return make_client(key); }
  /// The CA does not know our account (any more): the next client() registers again.
  void forget_account();

  /// For the rest of this run: whoever has a choice asks another one.
  void set_down() { is_down_ = true; }
  bool is_down() const { return is_down_; }

  /// The stored account key; empty when there is none.
  const pki::PrivateKey* account_key();
  /// What the CA says about the account of the stored key, which is remembered; empty when there is neither.
  std::optional<acme::Account> find_account(Deadline deadline);
  /// A new account for the stored key, or for a new one when there is none.
  acme::Account create_account(Deadline deadline);
  /// These three throw Error with code `no_account` or `account_deactivated` where there is no account to change.
  /// The contacts as configured.
  acme::Account update_contacts(Deadline deadline);
  /// A new key of the configured type in the place of the present one. Both are kept until the CA has answered: a run
  /// that is ended in between leaves it to the next one to find out which of them the CA knows. RFC 8555 §7.3.5.
  void roll_over_key(Deadline deadline);
  void deactivate_account(Deadline deadline);
  /// The account of the stored key is of no use any more: the key is put aside, and the next account gets a new one.
  void retire_account();

 private:
  void use_key(std::unique_ptr<pki::PrivateKey> key);
  acme::Client make_client(const pki::PrivateKey& key);
  acme::Client& current_client();
  acme::Client& connect(Deadline deadline);
  void settle_rollover(Deadline deadline);
  acme::Client& require_account(Deadline deadline);
  void check_clock(Deadline deadline);
  void ensure_account(Deadline deadline);
  void remember_identities(Deadline deadline);

  Run& run_;
  config::CaConfig config_;
  std::unique_ptr<pki::PrivateKey> account_key_;
  bool key_is_stored_ = false;
  bool rollover_is_settled_ = false;
  std::unique_ptr<acme::CurlTransport> transport_;
  std::unique_ptr<acme::Client> client_;  // with account_key_
  bool has_account_ = false;
  bool is_down_ = false;
  bool clock_is_checked_ = false;
};

}  // namespace mxcert::issue
