#include "mx/needs.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "base/text.h"
#include "mx/name_set.h"

namespace mxcert::mx {
namespace {

using dns::DnsName;
using Names = std::vector<DnsName>;
using Reason = Need::Reason;

/// Why a certificate is needed.
struct Cause {
  Reason reason;
  std::string why;
};

void keep_first(std::optional<Cause>& cause, std::optional<Cause> other) {
  if (other && (!cause || other->reason < cause->reason)) cause = std::move(other);
}

std::string why_due(const CurrentPart& part, SystemTime now) {
  const std::string end = describe_end(part.not_after, now);
  return part.renew_why.empty() ? end : fmt::format("{}, and {}", part.renew_why, end);
}

/// Whatever its names.
std::optional<Cause> find_cause(const CurrentPart& part, SystemTime now) {
  if (!part.unwanted.empty()) return Cause{Reason::unwanted, part.unwanted};
  if (is_due(part, now)) return Cause{Reason::due, why_due(part, now)};
  return std::nullopt;
}

std::optional<Cause> find_lack(const CurrentPart& part, const Names& names, SystemTime now) {
  const NameSet held = parse_names(part.names);
  Names lacking;
  std::ranges::copy_if(names, std::back_inserter(lacking), [&](const DnsName& name) { return !covers(held, name); });
  if (lacking.empty()) return std::nullopt;
  const std::string end = is_due(part, now) ? " and " + describe_end(part.not_after, now) : "";
  return Cause{Reason::lacks_names, fmt::format("it lacks {}{}", join_names(lacking), end)};
}

/// One that concerns every certificate of the next version.
std::optional<Cause> find_cause_of_all(const Situation& situation, const std::vector<WantedKey>& keys) {
  std::optional<Cause> cause;
  if (situation.parts.empty()) return Cause{Reason::first, "there is no certificate yet"};
  if (!situation.replace_why.empty()) cause = {Reason::replace, situation.replace_why};
  for (std::size_t part = 0; part < situation.parts.size(); ++part)
    if (std::ranges::find(keys, part, &WantedKey::part) == keys.end())
      keep_first(cause, find_cause(situation.parts[part], situation.now));
  return cause;
}

std::optional<Cause> find_own_cause(const Situation& situation, const WantedKey& key, const Names& names) {
  if (!key.part) return Cause{Reason::lacks_key, fmt::format("it lacks an {} certificate", pki::to_string(key.type))};
  const CurrentPart& part = situation.parts[*key.part];
  std::optional<Cause> cause = find_lack(part, names, situation.now);
  keep_first(cause, find_cause(part, situation.now));
  return cause;
}

bool is_half_over(const CurrentPart& part, SystemTime now) {
  return now > part.not_before + (part.renew_at - part.not_before) / 2;
}

/// Of one that could stay, were it not for another one that is ordered.
std::optional<Cause> find_cause_beside(const Situation& situation, const CurrentPart& part, const Names& names) {
  const bool any_due =
      std::ranges::any_of(situation.parts, [&](const CurrentPart& other) { return is_due(other, situation.now); });
  if (any_due && is_half_over(part, situation.now))
    return Cause{Reason::along, "another one is due, and half of its time is over"};
  if (parse_names(part.names) != NameSet(names.begin(), names.end()))
    return Cause{Reason::same_names, "it has other names than the one that is ordered"};
  return std::nullopt;
}

std::vector<std::optional<pki::KeyFamily>> families_of(const std::vector<CurrentPart>& parts) {
  std::vector<std::optional<pki::KeyFamily>> families;
  std::ranges::transform(parts, std::back_inserter(families), &CurrentPart::family);
  return families;
}

}  // namespace

std::vector<WantedKey> wanted_keys(const std::vector<pki::KeyType>& types,
                                   const std::vector<std::optional<pki::KeyFamily>>& live) {
  std::vector<WantedKey> keys;
  for (const pki::KeyType type : types) {
    WantedKey key{.type = type, .family = pki::family_of(type)};
    if (const auto same = std::ranges::find(live, key.family); same != live.end()) {
      key.part = static_cast<std::size_t>(same - live.begin());
    } else if (types.size() == 1 && !live.empty()) {
      key.part = 0;
      key.family = live.front().value_or(key.family);
    }
    keys.push_back(key);
  }
  return keys;
}

std::vector<Need> find_needs(const Situation& situation, const std::vector<DnsName>& names) {
  const std::vector<WantedKey> keys = wanted_keys(situation.key_types, families_of(situation.parts));
  const std::optional<Cause> of_all = find_cause_of_all(situation, keys);
  std::vector<std::optional<Cause>> causes;
  for (const WantedKey& key : keys) {
    causes.push_back(of_all);
    keep_first(causes.back(), find_own_cause(situation, key, names));
  }
  if (std::ranges::none_of(causes, &std::optional<Cause>::has_value)) return {};
  std::vector<Need> needs;
  for (std::size_t key = 0; key < keys.size(); ++key) {
    std::optional<Cause>& cause = causes[key];
    if (!cause) cause = find_cause_beside(situation, situation.parts[*keys[key].part], names);
    if (cause)
      needs.push_back(
          {.family = keys[key].family, .names = names, .reason = cause->reason, .why = std::move(cause->why)});
  }
  return needs;
}

bool is_due(const CurrentPart& part, SystemTime now) {
  return now > part.renew_at;
}

std::string describe_end(std::optional<SystemTime> not_after, SystemTime now) {
  if (!not_after) return "nobody knows when it expires";
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(*not_after - now);
  if (left.count() <= 0) return fmt::format("it expired {} ago", format_duration(-left));
  return fmt::format("it expires in {}", format_duration(left));
}

std::string join_names(const std::vector<DnsName>& names) {
  std::vector<std::string> texts;
  texts.reserve(names.size());
  for (const DnsName& name : names)
    texts.push_back(name.unicode());
  return join(texts, ", ");
}

}  // namespace mxcert::mx
