#include "acme/client.h"

#include <fmt/format.h>

#include <algorithm>

#include "acme/headers.h"
#include "acme/session.h"
#include "base/text.h"

namespace mxcert::acme {
namespace {

constexpr std::string_view begin_certificate = "-----BEGIN CERTIFICATE-----";
constexpr std::size_t max_certificates = 20;
constexpr std::string_view broken_ca = "the CA has a problem of its own: try again later, or choose another one";

/// Runs `action` and puts `context` before the message of what it throws.
template <typename Action>
auto in_context(std::string_view context, Action&& action) {
  try {
    return action();
  } catch (Error& error) {
    error.add_context(context);
    throw;
  }
}

Response post_one(Session& session, const SignedRequest& request, Deadline deadline, std::size_t next_batch = 0) {
  return require_success(std::move(session.post({&request, 1}, deadline, next_batch).at(0)), session.clock().now());
}

SignedRequest post_as_get(const std::string& url) {
  return {.url = url, .repeatable = true};
}

/// RFC 8555 §7.3, §7.4: the URL of what was created.
std::string require_location(const Response& response, std::string_view what) {
  if (!is_https_url(response.location))
    throw Error(fmt::format("the CA gave no https URL for the {} but \"{}\"", what, printable(response.location, 200)),
                "the CA does not speak RFC 8555", "bad_answer");
  return response.location;
}

Account take_account(Session& session, const Response& response) {
  Account account = parse_account(response.body);
  account.url = require_location(response, "account");
  session.account_url() = account.url;
  return account;
}

void check_new_account(const Directory& directory, const NewAccount& account) {
  if (directory.terms_of_service && !account.terms_agreed)
    throw Error(fmt::format("the CA wants its terms of service agreed to: {}", *directory.terms_of_service),
                "read them, then say agree_tos = true or --agree-tos", "terms_not_agreed");
  if (directory.external_account_required && !account.external)
    throw Error(
        fmt::format("the CA wants an account made on its site first{}",
                    directory.website ? fmt::format(" ({})", *directory.website) : ""),
        "it gives you a key identifier and an HMAC key there: put the HMAC key into a file, then set [ca] eab = "
        "{ kid = \"…\", hmac_key_file = \"…\" }, or say --eab-kid and --eab-key-file",
        "external_account_required");
}

/// With an external account, `unauthorized` is about that: ours does not exist yet.
Response post_new_account(Session& session, const SignedRequest& request, const NewAccount& account,
                          Deadline deadline) {
  try {
    return post_one(session, request, deadline);
  } catch (const Problem& problem) {
    if (!account.external || !problem.is("unauthorized")) throw;
    throw Error(problem.message(),
                "check the key identifier and the HMAC key of [ca] eab: CAs let some be used only once",
                "external_account_refused");
  }
}

OrderUpdate take_order(Session& session, const Response& response, const std::string& url) {
  OrderUpdate update{.order = parse_order(response.body), .retry_after = retry_after(response, session.clock().now())};
  update.order.url = url;
  return update;
}

/// RFC 8555 §9.1: certificates and nothing else.
void check_chain(std::string_view pem) {
  std::size_t certificates = 0;
  for (auto at = pem.find("-----BEGIN "); at != std::string_view::npos; at = pem.find("-----BEGIN ", at + 1)) {
    if (!pem.substr(at).starts_with(begin_certificate))
      throw Error("the CA's certificate chain holds something that is not a certificate", std::string(broken_ca),
                  "bad_answer");
    ++certificates;
  }
  if (certificates == 0 || certificates > max_certificates)
    throw Error(fmt::format("the CA's certificate chain has {}", count_of(certificates, "certificate")),
                std::string(broken_ca), "bad_answer");
}

}  // namespace

Client::Client(Transport& transport, Clock& clock, Signer signer, std::string directory_url, ClientOptions options)
    : session_(std::make_unique<Session>(transport, clock, std::move(signer), std::move(directory_url), options)) {
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

const Directory& Client::directory(Deadline deadline) {
  return session_->directory(deadline);
}

const Jwk& Client::account_key() const {
  return session_->key();
}

std::optional<std::chrono::seconds> Client::ca_ahead() const {
  return session_->ca_ahead();
}

void Client::use_account(std::string account_url) {
  session_->account_url() = std::move(account_url);
}

const std::string& Client::account_url() const {
  return session_->account_url();
}

std::optional<Account> Client::find_account(Deadline deadline) {
  const SignedRequest request{.url = directory(deadline).new_account,
                              .payload = only_return_existing_json(),
                              .repeatable = true,
                              .with_key = true};
  return in_context("account", [&]() -> std::optional<Account> {
    try {
      return take_account(*session_, post_one(*session_, request, deadline));
    } catch (const Problem& problem) {
      if (problem.is("accountDoesNotExist")) return std::nullopt;
      // RFC 8555 §7.3.6: whatever is signed with the key of a deactivated account is refused so.
      if (problem.is("unauthorized")) return Account{.status = Account::Status::deactivated};
      throw;
    }
  });
}

Account Client::create_account(const NewAccount& account, Deadline deadline) {
  check_new_account(directory(deadline), account);
  const std::string& url = directory(deadline).new_account;
  const SignedRequest request{
      .url = url,
      .payload = to_json(
          account, account.external ? bind_external_account(*account.external, account_key(), url) : std::string()),
      .repeatable = true,  // RFC 8555 §7.3.1: the same key gets the same account
      .with_key = true};
  return in_context("account", [&] {
    Account created = take_account(*session_, post_new_account(*session_, request, account, deadline));
    if (created.status != Account::Status::valid)
      throw Error("the account of this key has been deactivated", "mxcert account register makes a new one",
                  "account_deactivated");
    return created;
  });
}

Account Client::update_contacts(std::span<const std::string> contacts, Deadline deadline) {
  const SignedRequest request{.url = account_url(), .payload = contacts_json(contacts), .repeatable = true};
  return in_context("account", [&] {
    Account account = parse_account(post_one(*session_, request, deadline).body);
    account.url = account_url();
    return account;
  });
}

void Client::change_key(const Signer& new_key, Deadline deadline) {
  const std::string url = directory(deadline).key_change;
  if (url.empty()) throw Error("the CA offers no change of account keys", {}, "key_change_not_offered");
  const SignedRequest request{.url = url,
                              .payload = sign_jws(new_key, parse_public_key(new_key.public_key_der), {.url = url},
                                                  key_change_json(account_url(), account_key().json))};
  in_context("key rollover", [&] { post_one(*session_, request, deadline); });
}

void Client::deactivate_account(Deadline deadline) {
  const SignedRequest request{.url = account_url(), .payload = deactivate_json()};
  in_context("account", [&] { post_one(*session_, request, deadline); });
}

Order Client::new_order(const NewOrder& order, Deadline deadline) {
  const SignedRequest request{.url = directory(deadline).new_order, .payload = to_json(order)};
  return in_context("order", [&] {
    const std::size_t authorizations = order.names.size();
    const Response response = post_one(*session_, request, deadline, authorizations);
    return take_order(*session_, response, require_location(response, "order")).order;
  });
}

OrderUpdate Client::fetch_order(const std::string& order_url, Deadline deadline) {
  return in_context(
      "order", [&] { return take_order(*session_, post_one(*session_, post_as_get(order_url), deadline), order_url); });
}

OrderUpdate Client::finalize(const Order& order, std::string_view csr_der, Deadline deadline) {
  const SignedRequest request{.url = order.finalize, .payload = finalize_json(csr_der)};
  return in_context("order", [&] { return take_order(*session_, post_one(*session_, request, deadline), order.url); });
}

std::vector<Authorization> Client::fetch_authorizations(std::span<const std::string> urls, Deadline deadline) {
  std::vector<SignedRequest> requests;
  for (const std::string& url : urls)
    requests.push_back(post_as_get(url));
  return in_context("authorization", [&] {
    std::vector<Result> results = session_->post(requests, deadline);
    std::vector<Authorization> authorizations;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const Response response = require_success(std::move(results[i]), session_->clock().now());
      authorizations.push_back(parse_authorization(response.body));
      authorizations.back().url = urls[i];
    }
    return authorizations;
  });
}

std::vector<std::optional<Problem>> Client::trigger_challenges(std::span<const std::string> urls, Deadline deadline) {
  std::vector<SignedRequest> requests;
  for (const std::string& url : urls)
    requests.push_back({.url = url, .payload = "{}", .repeatable = true});
  std::vector<std::optional<Problem>> refusals;
  return in_context("challenge", [&] {
    for (Result& result : session_->post(requests, deadline)) {
      try {
        require_success(std::move(result), session_->clock().now());
        refusals.emplace_back();
      } catch (const Problem& problem) {
        refusals.emplace_back(problem);
      }
    }
    return std::move(refusals);
  });
}

void Client::deactivate_authorizations(std::span<const std::string> urls, Deadline deadline) {
  std::vector<SignedRequest> requests;
  for (const std::string& url : urls)
    requests.push_back({.url = url, .payload = deactivate_json(), .repeatable = true});
  for (Result& result : session_->post(requests, deadline))
    if (const auto* error = std::get_if<TransportError>(&result)) throw *error;
}

CertificateChain Client::fetch_certificate(const std::string& url, Deadline deadline) {
  SignedRequest request = post_as_get(url);
  request.accept = "application/pem-certificate-chain";
  return in_context("certificate download", [&] {
    Response response = post_one(*session_, request, deadline);
    check_chain(response.body);
    return CertificateChain{.pem = std::move(response.body), .alternates = find_links(response, "alternate")};
  });
}

std::optional<RenewalInfo> Client::fetch_renewal_info(const std::string& renewal_id, Deadline deadline) {
  std::optional<std::string> url = directory(deadline).renewal_info;
  if (!url) return std::nullopt;
  if (!url->ends_with('/')) *url += '/';
  return in_context("renewal information", [&] {
    const SystemTime now = session_->clock().now();
    const Response response = require_success(session_->get(*url + renewal_id, deadline), now);
    RenewalInfo info = parse_renewal_info(response.body);
    info.retry_after = retry_after(response, now);
    return info;
  });
}

bool Client::revoke_certificate(std::string_view certificate_der, int reason, Deadline deadline) {
  const std::string url = directory(deadline).revoke_certificate;
  if (url.empty())
    throw Error("the CA offers no revocation by ACME", "ask the CA to revoke it", "revocation_not_offered");
  const SignedRequest request{.url = url,
                              .payload = revocation_json(certificate_der, reason),
                              .repeatable = true,  // the second time it is alreadyRevoked
                              .with_key = account_url().empty()};
  return in_context("revocation", [&] {
    try {
      post_one(*session_, request, deadline);
      return true;
    } catch (const Problem& problem) {
      if (problem.is("alreadyRevoked")) return false;
      throw;
    }
  });
}

}  // namespace mxcert::acme
