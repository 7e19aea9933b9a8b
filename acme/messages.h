#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "acme/signer.h"
#include "base/clock.h"

/// The resources of RFC 8555 as values, and the only place that reads their JSON.
///
/// Every parse_ function throws Error naming the field when the text is not JSON, a field that is needed is missing or
/// of the wrong type, a URL is not https, or a status is not one of RFC 8555. Fields nobody knows are ignored. Texts
/// meant for people are made printable and cut; everything else is either validated or compared, never shown raw.
namespace mxcert::acme {

/// RFC 8555 §7.1.1.
struct Directory {
  struct Profile {
    std::string name = {};
    std::string description = {};
  };
  std::string new_nonce = {};
  std::string new_account = {};
  std::string new_order = {};
  std::string revoke_certificate = {};           // empty when not offered
  std::string key_change = {};                   // empty when not offered
  std::optional<std::string> renewal_info = {};  // RFC 9773 §4.1
  std::optional<std::string> terms_of_service = {};
  std::optional<std::string> website = {};
  std::vector<std::string> caa_identities = {};
  bool external_account_required = false;
  std::vector<Profile> profiles = {};  // draft-ietf-acme-profiles
};
Directory parse_directory(std::string_view json);

/// RFC 9773 §4.2.
struct RenewalInfo {
  SystemTime start = {};                                 // of the window in which the CA wants the certificate renewed
  SystemTime end = {};                                   // later than `start`
  std::string explanation_url = {};                      // a page for people; empty when there is none, or not https
  std::optional<std::chrono::seconds> retry_after = {};  // when to ask again; from the answer's header
};
/// Also throws Error for a window that does not end after it begins.
RenewalInfo parse_renewal_info(std::string_view json);

struct Identifier {
  std::string type = {};  // dns
  std::string value = {};

  bool operator==(const Identifier&) const = default;
};

/// RFC 7807 and RFC 8555 §6.7.
struct ProblemDocument {
  struct Subproblem {
    std::string type = {};
    std::string detail = {};
    std::optional<Identifier> identifier = {};
  };
  std::string type = {};  // urn:ietf:params:acme:error:…; empty when we found it ourselves
  std::string detail = {};
  std::string instance = {};  // where the administrator is asked to look (userActionRequired)
  int status = 0;             // HTTP status, 0 when unknown
  std::vector<Subproblem> subproblems = {};

  /// Whether the type is urn:ietf:params:acme:error:`name`.
  bool is(std::string_view name) const;
};
/// For the body of an answer with an error status: never throws, what is no problem document becomes one.
ProblemDocument parse_problem(std::string_view json, int http_status);

/// RFC 8555 §7.1.2. The URL is that of the Location header.
struct Account {
  enum class Status { valid, deactivated, revoked };
  std::string url = {};
  Status status = Status::valid;
  std::vector<std::string> contacts = {};
};
Account parse_account(std::string_view json);
std::string_view to_string(Account::Status status);

/// RFC 8555 §7.1.3.
struct Order {
  enum class Status { pending, ready, processing, valid, invalid };
  std::string url = {};
  Status status = Status::pending;
  std::optional<SystemTime> expires = {};
  std::vector<Identifier> identifiers = {};
  std::vector<std::string> authorizations = {};
  std::string finalize = {};
  std::optional<std::string> certificate = {};
  std::optional<std::string> replaces = {};  // RFC 9773 §5
  std::optional<ProblemDocument> error = {};
};
Order parse_order(std::string_view json);
std::string_view to_string(Order::Status status);

/// RFC 8555 §8. Only of types that we know; one without the token that its type needs is left out.
struct Challenge {
  enum class Status { pending, processing, valid, invalid };
  std::string type = {};
  std::string url = {};
  std::string token = {};  // base64url, at most 512 characters: safe as a file name and in a URL path; or empty
  Status status = Status::pending;
  std::optional<ProblemDocument> error = {};
};

/// RFC 8555 §7.1.4.
struct Authorization {
  enum class Status { pending, valid, invalid, deactivated, expired, revoked };
  std::string url = {};
  Status status = Status::pending;
  Identifier identifier = {};  // without the `*.` of a wildcard
  bool wildcard = false;
  std::optional<SystemTime> expires = {};
  std::vector<Challenge> challenges = {};
  std::vector<std::string> ignored_challenge_types = {};  // printable, for messages

  /// The name as it was ordered: with `*.` when it is a wildcard.
  std::string name() const;
  const Challenge* find_challenge(std::string_view type) const;
};
Authorization parse_authorization(std::string_view json);
Challenge parse_challenge(std::string_view json);
std::string_view to_string(Authorization::Status status);

/// RFC 8555 §7.3.
struct NewAccount {
  std::vector<std::string> contacts = {};  // mail addresses, without `mailto:`
  bool terms_agreed = false;
  std::optional<ExternalAccount> external = {};
};
/// `external_binding` is what bind_external_account makes of `external`; empty for none.
std::string to_json(const NewAccount& account, std::string_view external_binding = {});
std::string only_return_existing_json();
/// RFC 8555 §7.3.2. `contacts` as in NewAccount; none takes away what there was.
std::string contacts_json(std::span<const std::string> contacts);
/// RFC 8555 §7.3.5: what the new key signs. `old_key_jwk` is Jwk::json of the one that it follows.
std::string key_change_json(std::string_view account_url, std::string_view old_key_jwk);

/// RFC 8555 §7.4.
struct NewOrder {
  std::vector<std::string> names = {};  // dns identifiers, wildcards with `*.`
  std::string profile = {};             // empty: the CA's default
  std::string replaces = {};            // RFC 9773 §5: certificate id; empty: none
};
std::string to_json(const NewOrder& order);
std::string finalize_json(std::string_view csr_der);
/// RFC 8555 §7.6. `reason` as in RFC 5280 §5.3.1; 0 says none.
std::string revocation_json(std::string_view certificate_der, int reason);
std::string deactivate_json();

}  // namespace mxcert::acme
