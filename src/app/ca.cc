#include "app/ca.h"

#include <fmt/format.h>

#include "app/context.h"
#include "app/version.h"
#include "base/error.h"

namespace mxcert::app {
namespace {

/// The stored key, never replaced by a new one when it is damaged: it may be all that proves the account.
std::unique_ptr<pki::PrivateKey> parse_account_key(const std::string& pem, const std::filesystem::path& folder) {
  try {
    return std::make_unique<pki::PrivateKey>(pki::PrivateKey::from_pem(pem));
  } catch (const Error& e) {
    throw Error(fmt::format("account key {}: {}", (folder / "key.pem").string(), e.message()),
                fmt::format("restore it from a backup, or move {} away to register a new account", folder.string()),
                "account_key_damaged");
  }
}

}  // namespace

acme::Client& CertificateAuthority::client(Deadline deadline) {
  if (!client_) connect();
  if (!has_account_) ensure_account(deadline);
  has_account_ = true;
  return *client_;
}

void CertificateAuthority::forget_account() {
  has_account_ = false;
}

void CertificateAuthority::connect() {
  const std::string& url = config_.directory_url;
  acme::CurlOptions options;
  options.user_agent = fmt::format("mxcert/{}", version);
  if (!config_.trust.empty()) options.trust = config_.trust;
  transport_ = std::make_unique<acme::CurlTransport>(context_.clock, options);

  const auto stored = context_.accounts.find_key(url);
  key_is_new_ = !stored;
  account_key_ = stored ? parse_account_key(*stored, context_.accounts.path(url))
                        : std::make_unique<pki::PrivateKey>(pki::PrivateKey::generate(pki::KeyType::ecdsa_p256));
  acme::Signer signer{.public_key_der = account_key_->public_key_der(),
                      .sign = [key = account_key_.get()](std::string_view data) { return key->sign(data); }};
  client_ = std::make_unique<acme::Client>(*transport_, context_.clock, std::move(signer), url);
  if (const auto account = context_.accounts.find(url); account && !key_is_new_) {
    client_->use_account(account->url);
    has_account_ = true;
  }
}

void CertificateAuthority::ensure_account(Deadline deadline) {
  const std::string& url = config_.directory_url;
  static_cast<void>(client_->directory(deadline));  // before the key is stored: a CA that is not there leaves no trace
  if (key_is_new_) {
    context_.accounts.save_key(url, account_key_->to_pem());
  } else if (const auto found = client_->find_account(deadline);
             found && found->status == acme::Account::Status::valid) {
    context_.accounts.save({.directory = url, .url = found->url});
    return;
  }
  key_is_new_ = false;
  const acme::Account account = client_->create_account(
      {.contacts = context_.config.contact, .terms_agreed = context_.config.agree_tos}, deadline);
  context_.accounts.save({.directory = url, .url = account.url});
}

}  // namespace mxcert::app
