#include "acme/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "acme/headers.h"
#include "base/error.h"
#include "base/name_table.h"
#include "base/text.h"

namespace mxcert::acme {
namespace {

using nlohmann::json;

constexpr std::size_t max_text_bytes = 1000;
constexpr std::size_t max_list_entries = 1000;
constexpr std::size_t max_token_bytes = 512;
constexpr std::size_t max_name_bytes = 253;
/// Subproblems in a challenge of an authorization are the deepest that there is: seven. What is copied, compared or
/// destroyed level by level must not be as deep as an answer is long.
constexpr int max_depth = 20;

struct KnownChallengeType {
  std::string_view name;
  bool needs_token;
};
/// RFC 8555 §8.3, §8.4, RFC 8737, draft-ietf-acme-dns-persist.
constexpr std::array known_challenge_types{
    KnownChallengeType{"http-01", true},
    KnownChallengeType{"dns-01", true},
    KnownChallengeType{"tls-alpn-01", true},
    KnownChallengeType{"dns-persist-01", false},
};

constexpr auto account_statuses = name_table<Account::Status>({
    {Account::Status::valid, "valid"},
    {Account::Status::deactivated, "deactivated"},
    {Account::Status::revoked, "revoked"},
});
constexpr auto order_statuses = name_table<Order::Status>({
    {Order::Status::pending, "pending"},
    {Order::Status::ready, "ready"},
    {Order::Status::processing, "processing"},
    {Order::Status::valid, "valid"},
    {Order::Status::invalid, "invalid"},
});
constexpr auto authorization_statuses = name_table<Authorization::Status>({
    {Authorization::Status::pending, "pending"},
    {Authorization::Status::valid, "valid"},
    {Authorization::Status::invalid, "invalid"},
    {Authorization::Status::deactivated, "deactivated"},
    {Authorization::Status::expired, "expired"},
    {Authorization::Status::revoked, "revoked"},
});
constexpr auto challenge_statuses = name_table<Challenge::Status>({
    {Challenge::Status::pending, "pending"},
    {Challenge::Status::processing, "processing"},
    {Challenge::Status::valid, "valid"},
    {Challenge::Status::invalid, "invalid"},
});

[[noreturn]] void throw_bad(std::string_view what, std::string_view problem) {
  throw Error(fmt::format("the CA's {} cannot be understood: {}", what, problem),
              "the CA, or something between it and this host, does not speak RFC 8555", "bad_answer");
}

/// The members of one object; errors name the object and the member. A null member counts as absent.
class Fields {
 public:
  Fields(const json& object, std::string what) : object_(object), what_(std::move(what)) {
    if (!object_.is_object()) fail("it is not an object");
  }

  [[noreturn]] void fail(std::string_view problem) const { throw_bad(what_, problem); }

  const json* find(const char* name) const {
    const auto member = object_.find(name);
    return member == object_.end() || member->is_null() ? nullptr : &*member;
  }
  std::optional<std::string> find_text(const char* name) const {
    const json* member = find(name);
    if (member == nullptr) return std::nullopt;
    if (!member->is_string()) fail(fmt::format("{} is not a string but {}", name, member->type_name()));
    return member->get<std::string>();
  }
  std::string text(const char* name) const {
    auto value = find_text(name);
    if (!value) fail(fmt::format("{} is missing", name));
    return *std::move(value);
  }
  std::optional<std::string> find_url(const char* name) const {
    auto value = find_text(name);
    if (value && !is_https_url(*value))
      fail(fmt::format("{} is not an https URL but \"{}\"", name, printable(*value, 200)));
    return value;
  }
  std::string url(const char* name) const {
    auto value = find_url(name);
    if (!value) fail(fmt::format("{} is missing", name));
    return *std::move(value);
  }
  std::optional<SystemTime> find_time(const char* name) const {
    const auto value = find_text(name);
    if (!value) return std::nullopt;
    const auto time = parse_time(*value);
    if (!time) fail(fmt::format("{} is not a time but \"{}\"", name, printable(*value, 100)));
    return time;
  }
  bool flag(const char* name) const {
    const json* member = find(name);
    if (member == nullptr) return false;
    if (!member->is_boolean()) fail(fmt::format("{} is neither true nor false but {}", name, member->type_name()));
    return member->get<bool>();
  }
  /// The entries of an array; none when it is absent.
  std::vector<json> list(const char* name) const {
    const json* member = find(name);
    if (member == nullptr) return {};
    if (!member->is_array()) fail(fmt::format("{} is not an array but {}", name, member->type_name()));
    if (member->size() > max_list_entries) fail(fmt::format("{} has {} entries", name, member->size()));
    return member->get<std::vector<json>>();
  }
  template <typename Statuses>
  auto status(const Statuses& known) const {
    const std::string value = text("status");
    const auto found = value_of(known, value);
    if (!found) fail(fmt::format("status is \"{}\"", printable(value, 50)));
    return *found;
  }

 private:
  const json& object_;
  std::string what_;
};

/// Discarded when it is not JSON, or too deep, which `is_deep` then says.
json parse_limited(std::string_view text, bool& is_deep) {
  const auto keep = [&](int depth, json::parse_event_t, const json&) {
    is_deep = is_deep || depth > max_depth;
    return !is_deep;
  };
  json document = json::parse(text, keep, false);
  return is_deep ? json(json::value_t::discarded) : document;
}

json parse_json(std::string_view text, std::string_view what) {
  bool is_deep = false;
  json document = parse_limited(text, is_deep);
  if (is_deep) throw_bad(what, fmt::format("it is nested deeper than {} levels", max_depth));
  if (document.is_discarded()) throw_bad(what, fmt::format("it is not JSON ({} bytes)", text.size()));
  return document;
}

Identifier read_identifier(const json& document, const std::string& what) {
  const Fields fields(document, what + "'s identifier");
  Identifier identifier{.type = printable(fields.text("type"), 50), .value = fields.text("value")};
  if (identifier.value.empty() || identifier.value.size() > max_name_bytes)
    fields.fail(fmt::format("value has {} characters", identifier.value.size()));
  identifier.value = printable(to_lower_ascii(identifier.value));
  return identifier;
}

std::vector<std::string> read_urls(const Fields& fields, const char* name) {
  std::vector<std::string> urls;
  for (const json& entry : fields.list(name)) {
    if (!entry.is_string() || !is_https_url(entry.get<std::string>()))
      fields.fail(fmt::format("{} has an entry that is not an https URL", name));
    urls.push_back(entry.get<std::string>());
  }
  return urls;
}

/// A member that must not stand in the way of telling what is wrong: empty unless it is a string.
std::string shown_text(const json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return {};
  return printable(member->get<std::string>(), max_text_bytes);
}

std::vector<ProblemDocument::Subproblem> read_subproblems(const json& document) {
  std::vector<ProblemDocument::Subproblem> subproblems;
  const auto list = document.find("subproblems");
  if (list == document.end() || !list->is_array()) return subproblems;
  for (const json& entry : *list) {
    if (!entry.is_object() || subproblems.size() == max_list_entries) continue;
    ProblemDocument::Subproblem subproblem{.type = shown_text(entry, "type"), .detail = shown_text(entry, "detail")};
    const auto identifier = entry.find("identifier");
    if (identifier != entry.end() && identifier->is_object())
      subproblem.identifier =
          Identifier{shown_text(*identifier, "type"), to_lower_ascii(shown_text(*identifier, "value"))};
    subproblems.push_back(std::move(subproblem));
  }
  return subproblems;
}

ProblemDocument read_problem(const json& document) {
  ProblemDocument problem{.type = shown_text(document, "type"),
                          .detail = shown_text(document, "detail"),
                          .instance = shown_text(document, "instance"),
                          .subproblems = read_subproblems(document)};
  const auto status = document.find("status");
  if (status != document.end() && status->is_number_unsigned() && status->get<std::uint64_t>() < 1000)
    problem.status = status->get<int>();
  return problem;
}

std::optional<ProblemDocument> find_problem(const Fields& fields, const char* name) {
  const json* member = fields.find(name);
  if (member == nullptr) return std::nullopt;
  if (!member->is_object()) fields.fail(fmt::format("{} is not an object but {}", name, member->type_name()));
  return read_problem(*member);
}

void check_token(const Fields& fields, const std::string& token) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (token.empty() || token.size() > max_token_bytes || !std::ranges::all_of(token, allowed))
    fields.fail(
        fmt::format("token \"{}\" is not base64url of 1 to {} characters", printable(token, 100), max_token_bytes));
}

Challenge read_challenge(const Fields& fields) {
  Challenge challenge{.type = printable(fields.text("type"), 50),
                      .url = fields.url("url"),
                      .token = fields.find_text("token").value_or(""),
                      .status = fields.status(challenge_statuses),
                      .error = find_problem(fields, "error")};
  if (fields.find("token") != nullptr) check_token(fields, challenge.token);
  return challenge;
}

/// Whether it is of use: a type that we know, with what that type needs.
bool is_usable_challenge(const Fields& fields) {
  const std::string type = fields.text("type");
  const auto known = std::ranges::find(known_challenge_types, type, &KnownChallengeType::name);
  return known != known_challenge_types.end() && (!known->needs_token || fields.find("token") != nullptr);
}

void read_challenges(const Fields& fields, Authorization& authorization) {
  for (const json& entry : fields.list("challenges")) {
    const Fields challenge(entry, "challenge");
    if (is_usable_challenge(challenge)) {
      authorization.challenges.push_back(read_challenge(challenge));
    } else {
      authorization.ignored_challenge_types.push_back(printable(challenge.text("type"), 50));
    }
  }
}

void read_meta(const Fields& fields, Directory& directory) {
  directory.terms_of_service = fields.find_text("termsOfService");
  directory.website = fields.find_text("website");
  for (auto* shown : {&directory.terms_of_service, &directory.website})
    if (*shown) *shown = printable(**shown, max_text_bytes);
  directory.external_account_required = fields.flag("externalAccountRequired");
  for (const json& identity : fields.list("caaIdentities"))
    if (identity.is_string())
      directory.caa_identities.push_back(printable(identity.get<std::string>(), max_name_bytes));
  const json* profiles = fields.find("profiles");
  if (profiles == nullptr) return;
  if (!profiles->is_object()) fields.fail("profiles is not an object");
  for (const auto& [name, description] : profiles->items())
    directory.profiles.push_back({printable(name, 100), description.is_string()
                                                            ? printable(description.get<std::string>(), max_text_bytes)
                                                            : std::string()});
}

/// RFC 6068 §2: what would end or split the address.
std::string to_mailto(std::string_view address) {
  std::string url = "mailto:";
  for (const char c : address)
    url += std::string_view("%?#&, ").find(c) == std::string_view::npos
               ? std::string(1, c)
               : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return url;
}

std::string dump(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

bool ProblemDocument::is(std::string_view name) const {
  constexpr std::string_view prefix = "urn:ietf:params:acme:error:";
  return type.starts_with(prefix) && std::string_view(type).substr(prefix.size()) == name;
}

std::string Authorization::name() const {
  return wildcard ? "*." + identifier.value : identifier.value;
}

const Challenge* Authorization::find_challenge(std::string_view type) const {
  const auto found = std::ranges::find(challenges, type, &Challenge::type);
  return found == challenges.end() ? nullptr : &*found;
}

std::string_view to_string(Account::Status status) {
  return name_of(account_statuses, status);
}

std::string_view to_string(Order::Status status) {
  return name_of(order_statuses, status);
}

std::string_view to_string(Authorization::Status status) {
  return name_of(authorization_statuses, status);
}

Directory parse_directory(std::string_view text) {
  const json document = parse_json(text, "directory");
  const Fields fields(document, "directory");
  Directory directory{.new_nonce = fields.url("newNonce"),
                      .new_account = fields.url("newAccount"),
                      .new_order = fields.url("newOrder"),
                      .revoke_certificate = fields.find_url("revokeCert").value_or(""),
                      .key_change = fields.find_url("keyChange").value_or(""),
                      .renewal_info = fields.find_url("renewalInfo")};
  if (const json* meta = fields.find("meta")) read_meta(Fields(*meta, "directory's meta"), directory);
  return directory;
}

RenewalInfo parse_renewal_info(std::string_view text) {
  const json document = parse_json(text, "renewal information");
  const Fields fields(document, "renewal information");
  const json* window = fields.find("suggestedWindow");
  if (window == nullptr) fields.fail("suggestedWindow is missing");
  const Fields times(*window, "suggestedWindow");
  const auto start = times.find_time("start");
  const auto end = times.find_time("end");
  if (!start || !end) times.fail("start or end is missing");
  if (*start >= *end) times.fail("it does not end after it begins");
  RenewalInfo info{.start = *start, .end = *end, .explanation_url = shown_text(document, "explanationURL")};
  if (!is_https_url(info.explanation_url)) info.explanation_url.clear();  // nice to have, no reason to refuse the rest
  return info;
}

ProblemDocument parse_problem(std::string_view text, int http_status) {
  bool is_deep = false;
  const json document = parse_limited(text, is_deep);
  ProblemDocument problem;
  if (document.is_object()) problem = read_problem(document);
  if (problem.type.empty() && problem.detail.empty())
    problem.detail = fmt::format("HTTP status {} without a reason", http_status);
  problem.status = http_status;
  return problem;
}

Account parse_account(std::string_view text) {
  const json document = parse_json(text, "account");
  const Fields fields(document, "account");
  Account account{.status = fields.status(account_statuses)};
  for (const json& contact : fields.list("contact"))
    if (contact.is_string()) account.contacts.push_back(printable(contact.get<std::string>(), max_text_bytes));
  return account;
}

Order parse_order(std::string_view text) {
  const json document = parse_json(text, "order");
  const Fields fields(document, "order");
  Order order{.status = fields.status(order_statuses),
              .expires = fields.find_time("expires"),
              .authorizations = read_urls(fields, "authorizations"),
              .finalize = fields.url("finalize"),
              .certificate = fields.find_url("certificate"),
              .replaces = fields.find_text("replaces"),
              .error = find_problem(fields, "error")};
  for (const json& identifier : fields.list("identifiers"))
    order.identifiers.push_back(read_identifier(identifier, "order"));
  return order;
}

Authorization parse_authorization(std::string_view text) {
  const json document = parse_json(text, "authorization");
  const Fields fields(document, "authorization");
  const json* identifier = fields.find("identifier");
  if (identifier == nullptr) fields.fail("identifier is missing");
  Authorization authorization{.status = fields.status(authorization_statuses),
                              .identifier = read_identifier(*identifier, "authorization"),
                              .wildcard = fields.flag("wildcard"),
                              .expires = fields.find_time("expires")};
  read_challenges(fields, authorization);
  return authorization;
}

Challenge parse_challenge(std::string_view text) {
  const json document = parse_json(text, "challenge");
  return read_challenge(Fields(document, "challenge"));
}

std::string to_json(const NewAccount& account, std::string_view external_binding) {
  json document{{"termsOfServiceAgreed", account.terms_agreed}};
  for (const std::string& contact : account.contacts)
    document["contact"].push_back(to_mailto(contact));
  if (!external_binding.empty()) document["externalAccountBinding"] = json::parse(external_binding);
  return dump(document);
}

std::string contacts_json(std::span<const std::string> contacts) {
  json document{{"contact", json::array()}};
  for (const std::string& contact : contacts)
    document["contact"].push_back(to_mailto(contact));
  return dump(document);
}

std::string key_change_json(std::string_view account_url, std::string_view old_key_jwk) {
  return dump({{"account", account_url}, {"oldKey", json::parse(old_key_jwk)}});
}

std::string only_return_existing_json() {
  return R"({"onlyReturnExisting":true})";
}

std::string to_json(const NewOrder& order) {
  json document{{"identifiers", json::array()}};
  for (const std::string& name : order.names)
    document["identifiers"].push_back({{"type", "dns"}, {"value", name}});
  if (!order.profile.empty()) document["profile"] = order.profile;
  if (!order.replaces.empty()) document["replaces"] = order.replaces;
  return dump(document);
}

std::string finalize_json(std::string_view csr_der) {
  return dump({{"csr", to_base64url(csr_der)}});
}

std::string revocation_json(std::string_view certificate_der, int reason) {
  json document{{"certificate", to_base64url(certificate_der)}};
  if (reason != 0) document["reason"] = reason;
  return dump(document);
}

std::string deactivate_json() {
  return R"({"status":"deactivated"})";
}

}  // namespace mxcert::acme
