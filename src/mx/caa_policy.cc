#include "mx/caa_policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"

namespace mxcert::mx {
namespace {

using dns::CaaRecord;
using dns::DnsName;

/// RFC 8659 §4.2: an issue or issuewild property, taken apart.
struct Permission {
  std::string issuer = {};  // lower case; empty: nobody
  std::vector<std::pair<std::string, std::string>> parameters = {};

  std::vector<std::string> values(std::string_view tag) const {
    std::vector<std::string> found;
    for (const auto& [name, value] : parameters)
      if (name == tag) found.push_back(value);
    return found;
  }
};

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view trim_spaces(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool is_issuer_name(std::string_view name) {
  return std::ranges::all_of(split(name, '.'), [](std::string_view label) {
    return !label.empty() && label.front() != '-' && label.back() != '-' &&
           std::ranges::all_of(label, [](char c) { return is_alphanumeric(c) || c == '-'; });
  });
}

bool is_parameter_tag(std::string_view tag) {
  return !tag.empty() && is_alphanumeric(tag.front()) && is_alphanumeric(tag.back()) &&
         std::ranges::all_of(tag, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_parameter_value(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7F && c != ';'; });
}

/// Nobody is permitted by what does not match the grammar (RFC 8659 §4.2).
Permission parse_permission(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ';');
  const std::string_view issuer = trim_spaces(parts.front());
  if (issuer.empty() || !is_issuer_name(issuer)) return {};
  Permission permission{.issuer = to_lower_ascii(issuer)};
  const bool no_parameters = parts.size() == 1 || (parts.size() == 2 && trim_spaces(parts[1]).empty());
  if (no_parameters) return permission;
  for (const std::string_view part : std::span(parts).subspan(1)) {
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return {};
    const std::string_view tag = trim_spaces(part.substr(0, equals));
    const std::string_view value = trim_spaces(part.substr(equals + 1));
    if (!is_parameter_tag(tag) || !is_parameter_value(value)) return {};
    permission.parameters.emplace_back(tag, value);
  }
  return permission;
}

bool names_issuer(const Permission& permission, const CaaApplicant& applicant) {
  if (permission.issuer.empty()) return false;
  return applicant.issuers.empty() || std::ranges::any_of(applicant.issuers, [&](const std::string& issuer) {
           return to_lower_ascii(issuer) == permission.issuer;
         });
}

/// RFC 8657 §3: more than one is satisfied by nobody.
bool names_account(const Permission& permission, const CaaApplicant& applicant) {
  const std::vector<std::string> accounts = permission.values("accounturi");
  return accounts.empty() || (accounts.size() == 1 && !applicant.account.empty() && accounts[0] == applicant.account);
}

/// RFC 8657 §4: a comma-separated list; more than one list is satisfied by nobody.
bool names_method(const Permission& permission, const CaaApplicant& applicant) {
  const std::vector<std::string> lists = permission.values("validationmethods");
  if (lists.empty()) return true;
  const std::vector<std::string_view> methods = split(lists[0], ',');
  return lists.size() == 1 && std::ranges::find(methods, applicant.method) != methods.end();
}

/// Those that a CA may be expected to know: RFC 8659 §4, RFC 9495, and the CA/Browser Forum's.
bool is_known_tag(std::string_view tag) {
  constexpr std::array<std::string_view, 7> known{"issue",        "issuewild",    "iodef",   "issuemail",
                                                  "contactemail", "contactphone", "issuevmc"};
  return std::ranges::find(known, tag) != known.end();
}

std::string record_text(const DnsName& owner, const CaaRecord& record) {
  return printable(fmt::format("{}. CAA {} {} \"{}\"", owner.ascii(), record.flags, record.tag, record.value), 300);
}

/// RFC 8659 §4.1: bit 0, the highest.
std::optional<CaaObjection> critical_objection(const DnsName& owner, std::span<const CaaRecord> records) {
  constexpr unsigned critical = 0x80;
  for (const CaaRecord& record : records)
    if ((record.flags & critical) != 0 && !is_known_tag(to_lower_ascii(record.tag)))
      return CaaObjection{
          fmt::format("hold \"{}\", which is marked critical, and CAs do not know it", printable(record.tag, 50)),
          fmt::format("remove {}, or set its flags to 0", record_text(owner, record))};
  return std::nullopt;
}

/// The issue properties, or the issuewild ones where they decide (RFC 8659 §4.3).
std::vector<Permission> permissions_with(std::span<const CaaRecord> records, std::string_view tag) {
  std::vector<Permission> permissions;
  for (const CaaRecord& record : records)
    if (to_lower_ascii(record.tag) == tag) permissions.push_back(parse_permission(record.value));
  return permissions;
}

std::string list_issuers(const std::vector<Permission>& permissions) {
  std::set<std::string> issuers;
  for (const Permission& permission : permissions)
    if (!permission.issuer.empty()) issuers.insert(permission.issuer);
  return printable(join(std::vector<std::string>(issuers.begin(), issuers.end()), ", "), 200);
}

/// Permissions that would let the CA issue if one or both of their conditions were met.
class Objector {
 public:
  Objector(const DnsName& owner, std::string_view tag, const CaaApplicant& applicant)
      : owner_(owner), tag_(tag), applicant_(applicant) {}

  CaaObjection object(const std::vector<Permission>& permissions) const {
    const auto near = std::ranges::find_if(
        permissions, [&](const Permission& permission) { return names_issuer(permission, applicant_); });
    if (near != permissions.end()) return {unmet_conditions(*near), remedy_for(*near)};
    const std::string issuers = list_issuers(permissions);
    const std::string ours = join(applicant_.issuers, ", ");
    return {issuers.empty() ? "allow no CA" : fmt::format("allow only {}, not {}", issuers, printable(ours, 200)),
            "publish " + record_for(applicant_.issuers.empty() ? "" : applicant_.issuers.front())};
  }

 private:
  std::string unmet_conditions(const Permission& permission) const {
    std::vector<std::string> unmet;
    if (!names_account(permission, applicant_))
      unmet.push_back(fmt::format("the account {}, and ours {}", join(permission.values("accounturi"), " and "),
                                  applicant_.account.empty() ? "does not exist yet" : "is " + applicant_.account));
    if (!names_method(permission, applicant_))
      unmet.push_back(fmt::format("the method {}, and {} is in use",
                                  join(permission.values("validationmethods"), " and "), applicant_.method));
    return printable(fmt::format("allow {} only {}", permission.issuer, join(unmet, ", and only ")), 500);
  }

  /// As strict as what is there: each condition stays, and is made one that we meet.
  std::string remedy_for(const Permission& permission) const {
    std::string parameters;
    const bool of_account = !permission.values("accounturi").empty();
    if (of_account && !applicant_.account.empty()) parameters += "; accounturi=" + applicant_.account;
    if (!permission.values("validationmethods").empty()) parameters += "; validationmethods=" + applicant_.method;
    std::string remedy = "publish " + record_for(permission.issuer + parameters);
    if (of_account && applicant_.account.empty())
      remedy += "; which accounturi to add to it can be said when there is an account";
    return remedy;
  }

  /// RFC 8659 §4.2: records add up, so that one more record is enough, also beside one that allows nobody.
  std::string record_for(const std::string& value) const {
    if (value.empty()) return fmt::format("{}. CAA 0 {} with the name that the CA says for it", owner_.ascii(), tag_);
    return record_text(owner_, {.flags = 0, .tag = std::string(tag_), .value = value});
  }

  const DnsName& owner_;
  std::string_view tag_;
  const CaaApplicant& applicant_;
};

}  // namespace

std::optional<CaaObjection> find_objection(const DnsName& owner, std::span<const CaaRecord> records,
                                           const CaaApplicant& applicant) {
  if (auto objection = critical_objection(owner, records)) return objection;
  std::string_view tag = "issuewild";
  std::vector<Permission> permissions;
  if (applicant.wildcard) permissions = permissions_with(records, tag);
  if (permissions.empty()) permissions = permissions_with(records, tag = "issue");
  const bool allowed = permissions.empty() || std::ranges::any_of(permissions, [&](const Permission& permission) {
                         return names_issuer(permission, applicant) && names_account(permission, applicant) &&
                                names_method(permission, applicant);
                       });
  if (allowed) return std::nullopt;
  return Objector(owner, tag, applicant).object(permissions);
}

}  // namespace mxcert::mx
