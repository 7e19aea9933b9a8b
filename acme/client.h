#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "acme/jose.h"
#include "acme/messages.h"
#include "acme/problem.h"
#include "acme/signer.h"
#include "acme/transport.h"

namespace mxcert::acme {

class Session;

struct ClientOptions {
  /// Signed requests under way at once. Each needs a nonce of its own, and the first batch has to ask for that many:
  /// with more there would be more requests, with fewer more round trips.
  std::size_t max_parallel_requests = 20;
  /// How often one request is signed anew because the CA refused its nonce (RFC 8555 §6.5).
  std::size_t max_refused_nonces = 150;
  /// How often one request that may be repeated safely is sent again after a broken connection or a 5xx status.
  std::size_t max_repetitions = 3;
};

/// An answer that may ask to be left alone for a while before the next look.
struct OrderUpdate {
  Order order = {};
  std::optional<std::chrono::seconds> retry_after = {};
};

/// RFC 8555 §7.4.2: as the CA sent it, leaf first; only CERTIFICATE blocks.
struct CertificateChain {
  std::string pem = {};
  std::vector<std::string> alternates = {};  // URLs of other chains for the same certificate
};

/// One method for each resource of RFC 8555. Borrows transport and clock.
///
/// All methods throw Problem for what the CA refuses, TransportError when it cannot be reached within the deadline,
/// Error for answers that make no sense, Interrupted. Refused nonces, and 5xx or broken connections where repeating is
/// safe, are dealt with inside. A request for which the CA is too busy (429 or 503 with a Retry-After of 30 s at most)
/// is repeated after that time.
class Client {
 public:
  /// Sends nothing. Throws Error when the key is of a kind that ACME cannot use or the URL is not https.
  Client(Transport& transport, Clock& clock, Signer signer, std::string directory_url, ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;

  /// Fetched at the first call and never stored: CAs move their resources.
  const Directory& directory(Deadline deadline);
  const Jwk& account_key() const;
  /// How far the CA's clock was ahead of ours when the directory was fetched, by the answer's Date header (RFC 9110
  /// §6.6.1); empty before that, or when it said none.
  std::optional<std::chrono::seconds> ca_ahead() const;

  /// The account that later calls speak for, when its URL is known from an earlier run.
  void use_account(std::string account_url);
  const std::string& account_url() const;
  /// The account of this key, if the CA has one; later calls speak for it. RFC 8555 §7.3.1. One that is no longer valid
  /// may come without URL and contacts: CAs refuse to speak with its key.
  std::optional<Account> find_account(Deadline deadline);
  /// A new account, or the one that this key already has; later calls speak for it. Throws Error with code
  /// `terms_not_agreed` and the URL of the terms when the CA has some and `account` does not agree to them,
  /// `external_account_required` when the CA wants an account that exists elsewhere. RFC 8555 §7.3.
  Account create_account(const NewAccount& account, Deadline deadline);
  /// RFC 8555 §7.3.2. `contacts` are mail addresses; none takes away what there was.
  Account update_contacts(std::span<const std::string> contacts, Deadline deadline);
  /// RFC 8555 §7.3.5: from the CA's answer on the account is that of `new_key`, and this client's is good for nothing.
  /// Never repeated: after anything but a Problem with a status below 500, either key may be the account's.
  void change_key(const Signer& new_key, Deadline deadline);
  /// RFC 8555 §7.3.6: for ever.
  void deactivate_account(Deadline deadline);

  /// Meanwhile asks for the nonces that fetching its authorizations will take.
  Order new_order(const NewOrder& order, Deadline deadline);
  OrderUpdate fetch_order(const std::string& order_url, Deadline deadline);
  OrderUpdate finalize(const Order& order, std::string_view csr_der, Deadline deadline);

  /// All in one batch, in the order of `urls`; throws for the first one that fails.
  std::vector<Authorization> fetch_authorizations(std::span<const std::string> urls, Deadline deadline);
  /// Says that all are ready to be validated, in one batch. A refusal is not an exception, since the order decides: one
  /// entry for each URL, empty when the CA took it.
  std::vector<std::optional<Problem>> trigger_challenges(std::span<const std::string> urls, Deadline deadline);
  /// RFC 8555 §7.5.2, in one batch; refusals are ignored.
  void deactivate_authorizations(std::span<const std::string> urls, Deadline deadline);

  CertificateChain fetch_certificate(const std::string& url, Deadline deadline);

  /// When the CA wants the certificate renewed that is called `renewal_id` (RFC 9773 §4.1); empty when it offers no
  /// such information. Needs no account: the request is not signed.
  std::optional<RenewalInfo> fetch_renewal_info(const std::string& renewal_id, Deadline deadline);
  /// RFC 8555 §7.6, for the account if this client has one, else signed with the client's key, which must then be the
  /// certificate's. False when the CA had it revoked already. `reason` as in RFC 5280 §5.3.1; 0 says none.
  bool revoke_certificate(std::string_view certificate_der, int reason, Deadline deadline);

 private:
  std::unique_ptr<Session> session_;
};

}  // namespace mxcert::acme
