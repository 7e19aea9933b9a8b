#include "issue/ca.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/version.h"
#include "issue/external_account.h"
#include "issue/run.h"

namespace mxcert::issue {
namespace {

/// The stored key, never replaced by a new one when it is damaged: it may be all that proves the account.
std::unique_ptr<pki::PrivateKey> parse_account_key(const std::string& pem, const std::filesystem::path& file) {
  try {
    return std::make_unique<pki::PrivateKey>(pki::PrivateKey::from_pem(pem));
  } catch (const Error& e) {
    throw Error(
        fmt::format("account key {}: {}", file.string(), e.message()),
        fmt::format("restore it from a backup, or move {} away to register a new account", file.parent_path().string()),
        "account_key_damaged");
  }
}

constexpr std::chrono::hours largest_clock_error{1};

/// Borrows the key.
acme::Signer make_signer(const pki::PrivateKey& key) {
  return {.public_key_der = key.public_key_der(), .sign = [&key](std::string_view data) { return key.sign(data); }};
}

[[noreturn]] void throw_deactivated(const std::string& directory) {
  throw Error(fmt::format("the account at {} has been deactivated", directory),
              "mxcert account register makes a new one", "account_deactivated");
}

}  // namespace

acme::Client& CertificateAuthority::client_without_account() {
  if (!client_ && !account_key())
    use_key(std::make_unique<pki::PrivateKey>(pki::PrivateKey::generate(config_.account_key)));  // signs nothing
  return current_client();
}

acme::Client& CertificateAuthority::client(Deadline deadline) {
  if (!has_account_) {
    ensure_account(deadline);
    remember_identities(deadline);
  }
  has_account_ = true;
  return *client_;
}

void CertificateAuthority::forget_account() {
  has_account_ = false;
  run_.store.accounts.forget(config_.directory_url);
}

const pki::PrivateKey* CertificateAuthority::account_key() {
  if (key_is_stored_) return account_key_.get();
  const auto stored = run_.store.accounts.find_key(config_.directory_url);
  if (!stored) return nullptr;
  use_key(parse_account_key(*stored, run_.store.accounts.path(config_.directory_url) / "key.pem"));
  key_is_stored_ = true;
  return account_key_.get();
}

void CertificateAuthority::use_key(std::unique_ptr<pki::PrivateKey> key) {
  client_.reset();  // it signs with the previous one
  account_key_ = std::move(key);
  key_is_stored_ = false;
}

acme::Client CertificateAuthority::make_client(const pki::PrivateKey& key) {
  if (!transport_) {
    acme::CurlOptions options;
    options.user_agent = fmt::format("mxcert/{}", program_version);
    if (!config_.trust.empty()) options.trust = config_.trust;
    options.max_requests_per_second = config_.requests_per_second;
    transport_ = std::make_unique<acme::CurlTransport>(run_.clock, options);
  }
  acme::ClientOptions options;
  if (config_.requests_per_second > 0)
    options.max_parallel_requests =
        std::min(options.max_parallel_requests, static_cast<std::size_t>(config_.requests_per_second));
  return {*transport_, run_.clock, make_signer(key), config_.directory_url, options};
}

acme::Client& CertificateAuthority::current_client() {
  if (!client_) client_ = std::make_unique<acme::Client>(make_client(*account_key_));
  return *client_;
}

acme::Client& CertificateAuthority::connect(Deadline deadline) {
  if (!rollover_is_settled_) settle_rollover(deadline);
  rollover_is_settled_ = true;
  check_clock(deadline);
  return current_client();
}

/// Signatures, windows and validity all depend on the time: a clock that is off explains what fails afterwards.
void CertificateAuthority::check_clock(Deadline deadline) {
  if (clock_is_checked_) return;
  static_cast<void>(current_client().directory(deadline));
  clock_is_checked_ = true;
  const auto ahead = current_client().ca_ahead();
  if (!ahead || std::chrono::abs(*ahead) <= largest_clock_error) return;
  const SystemTime now = run_.clock.now();
  run_.report.add_warning(
      {.code = "clock_off",
       .subject = config_.directory_url,
       .message =
           fmt::format("this machine's clock says {}, and the CA's {}", format_time(now), format_time(now + *ahead)),
       .hint = "set the clock, for example by NTP: certificates look expired or not yet valid to a clock that is off"});
}

/// A run was ended, or its connection broke, while the CA changed keys: whichever it knows is the key from now on.
void CertificateAuthority::settle_rollover(Deadline deadline) {
  const std::string& url = config_.directory_url;
  const auto stored = run_.store.accounts.find_next_key(url);
  if (!stored) return;
  auto next = parse_account_key(*stored, run_.store.accounts.path(url) / "key.next.pem");
  if (make_client(*next).find_account(deadline)) {
    run_.store.accounts.adopt_next_key(url);
    use_key(std::move(next));
    key_is_stored_ = true;
  } else {
    run_.store.accounts.drop_next_key(url);
  }
}

void CertificateAuthority::ensure_account(Deadline deadline) {
  const auto known = run_.store.accounts.find(config_.directory_url);
  if (known && known->deactivated) throw_deactivated(config_.directory_url);
  if (known && account_key()) return connect(deadline).use_account(known->url);
  const auto found = find_account(deadline);
  if (!found) {
    create_account(deadline);
  } else if (found->status != acme::Account::Status::valid) {
    throw_deactivated(config_.directory_url);
  }
}

std::optional<acme::Account> CertificateAuthority::find_account(Deadline deadline) {
  if (!account_key()) return std::nullopt;
  auto found = connect(deadline).find_account(deadline);
  if (!found) return std::nullopt;
  const bool deactivated = found->status != acme::Account::Status::valid;
  run_.store.accounts.save({.directory = config_.directory_url, .url = found->url, .deactivated = deactivated});
  remember_identities(deadline);
  return found;
}

acme::Account CertificateAuthority::create_account(Deadline deadline) {
  if (!account_key()) use_key(std::make_unique<pki::PrivateKey>(pki::PrivateKey::generate(config_.account_key)));
  static_cast<void>(
      connect(deadline).directory(deadline));  // before the key is stored: a CA that is not there leaves no trace
  const auto external = load_external_account(config_, run_.report);
  if (!key_is_stored_) run_.store.accounts.save_key(config_.directory_url, account_key_->to_pem());
  key_is_stored_ = true;
  acme::Account account = client_->create_account(
      {.contacts = run_.config.contact, .terms_agreed = run_.config.agree_tos, .external = external}, deadline);
  run_.store.accounts.save({.directory = config_.directory_url, .url = account.url});
  remember_identities(deadline);
  return account;
}

void CertificateAuthority::remember_identities(Deadline deadline) {
  const acme::Directory& directory = current_client().directory(deadline);
  run_.store.accounts.save_caa_identities(config_.directory_url, directory.caa_identities);
}

acme::Client& CertificateAuthority::require_account(Deadline deadline) {
  const auto found = find_account(deadline);
  if (!found)
    throw Error(fmt::format("there is no account at {}", config_.directory_url), "mxcert account register makes one",
                "no_account");
  if (found->status != acme::Account::Status::valid) throw_deactivated(config_.directory_url);
  return *client_;
}

acme::Account CertificateAuthority::update_contacts(Deadline deadline) {
  return require_account(deadline).update_contacts(run_.config.contact, deadline);
}

void CertificateAuthority::roll_over_key(Deadline deadline) {
  acme::Client& client = require_account(deadline);
  const std::string& url = config_.directory_url;
  auto next = std::make_unique<pki::PrivateKey>(pki::PrivateKey::generate(config_.account_key));
  run_.store.accounts.save_next_key(url, next->to_pem());
  try {
    client.change_key(make_signer(*next), deadline);
  } catch (const acme::Problem& refusal) {
    if (refusal.document().status < 500) run_.store.accounts.drop_next_key(url);
    throw;
  }
  run_.store.accounts.adopt_next_key(url);
  use_key(std::move(next));
  key_is_stored_ = true;
}

void CertificateAuthority::deactivate_account(Deadline deadline) {
  acme::Client& client = require_account(deadline);
  client.deactivate_account(deadline);
  run_.store.accounts.save({.directory = config_.directory_url, .url = client.account_url(), .deactivated = true});
  client_.reset();
}

void CertificateAuthority::retire_account() {
  run_.store.accounts.retire_key(config_.directory_url);
  use_key(nullptr);
}

}  // namespace mxcert::issue
