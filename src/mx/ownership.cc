#include "mx/ownership.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/name_table.h"
#include "base/text.h"

namespace mxcert::mx {
namespace {

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?") != std::string_view::npos;
}

[[noreturn]] void refuse_pattern(std::string_view text, std::string_view reason) {
  throw ConfigError(fmt::format("host pattern \"{}\": {}", printable(text, 300), reason),
                    "write a host name in which * stands for any characters of a label, such as mx*.example.com");
}

std::string wildcard_label(std::string_view text, std::string_view label) {
  std::string lower = to_lower_ascii(label);
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-*?";
  if (label.empty()) refuse_pattern(text, "two dots with nothing between them, or a dot in front");
  if (lower.find_first_not_of(allowed) != std::string::npos)
    refuse_pattern(text, "beside * and ? a label has ASCII letters, digits and hyphens only");
  return lower;
}

/// `*` and `?` within one label: greedy with one point to return to, so that its time is bounded by the product of
/// the lengths.
bool matches_label(std::string_view pattern, std::string_view label) {
  std::size_t p = 0;
  std::size_t l = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (l < label.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = l;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == label[l])) {
      ++p;
      ++l;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      l = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

const HostPattern* find_match(const std::vector<HostPattern>& patterns, const dns::DnsName& host) {
  const auto found = std::ranges::find_if(patterns, [&](const HostPattern& pattern) { return pattern.matches(host); });
  return found == patterns.end() ? nullptr : &*found;
}

/// `192.0.2.1`, `192.0.2.1 and 2001:db8::1`, and no more than four of them.
std::string list(const std::vector<dns::IpAddress>& addresses) {
  constexpr std::size_t shown = 4;
  std::vector<std::string> texts;
  texts.reserve(addresses.size());
  for (const dns::IpAddress& address : addresses)
    texts.push_back(address.to_string());
  if (texts.size() > shown) {
    const std::size_t more = texts.size() - (shown - 1);
    texts.resize(shown - 1);
    texts.push_back(fmt::format("{} more", more));
  }
  if (texts.size() == 1) return texts.front();
  const std::string last = texts.back();
  texts.pop_back();
  return join(texts, ", ") + " and " + last;
}

/// `192.0.2.1 is this host's`, `192.0.2.1 and 192.0.2.2 are a sibling's`.
std::string are(const std::vector<dns::IpAddress>& addresses, std::string_view whose) {
  return fmt::format("{} {} {}", list(addresses), addresses.size() == 1 ? "is" : "are", whose);
}

bool contains(const std::vector<dns::IpAddress>& addresses, const dns::IpAddress& address) {
  return std::ranges::find(addresses, address) != addresses.end();
}

Ownership decide_by_addresses(const HostLookup& lookup, const HostRules& rules) {
  std::vector<dns::IpAddress> ours;
  std::vector<dns::IpAddress> siblings;
  std::vector<dns::IpAddress> others;
  for (const dns::IpAddress& address : lookup.addresses) {
    const bool is_ours = contains(rules.local_addresses, address) || contains(rules.addresses, address);
    (is_ours ? ours : contains(rules.siblings, address) ? siblings : others).push_back(address);
  }
  std::vector<std::string> reasons;
  if (!ours.empty()) reasons.push_back(are(ours, "this host's"));
  if (!siblings.empty()) reasons.push_back(are(siblings, "a sibling's"));
  if (others.empty()) return {siblings.empty() ? Owner::ours : Owner::sibling, join(reasons, ", ")};
  if (reasons.empty()) return {Owner::foreign, are(others, "not this host's")};
  return {Owner::partly_ours, fmt::format("{}, but {}", join(reasons, ", "), are(others, "not"))};
}

constexpr auto owner_names = name_table<Owner>({
    {Owner::ours, "ours"},
    {Owner::partly_ours, "partly_ours"},
    {Owner::sibling, "sibling"},
    {Owner::foreign, "foreign"},
    {Owner::unresolvable, "unresolvable"},
    {Owner::unknown, "unknown"},
});

}  // namespace

HostPattern HostPattern::parse(std::string_view text) {
  std::string_view rest = text;
  if (rest.size() > 1 && rest.ends_with('.')) rest.remove_suffix(1);
  std::string ascii;
  while (has_wildcard(rest)) {
    const auto dot = rest.find('.');
    ascii += wildcard_label(text, rest.substr(0, dot));
    if (dot == std::string_view::npos) refuse_pattern(text, "it has a single label");
    ascii += '.';
    rest.remove_prefix(dot + 1);
  }
  if (rest.empty()) refuse_pattern(text, ascii.empty() ? "it is empty" : "it ends in a wildcard");
  try {
    ascii += dns::DnsName::parse(rest, ascii.empty() ? 2 : 1).ascii();
  } catch (const Error& failure) {
    throw ConfigError("host pattern: " + failure.message(), failure.hint());
  }
  return HostPattern(std::string(text), std::move(ascii));
}

bool HostPattern::matches(const dns::DnsName& host) const {
  const std::vector<std::string_view> patterns = split(ascii_, '.');
  const std::vector<std::string_view> labels = split(host.ascii(), '.');
  return std::ranges::equal(patterns, labels, matches_label);
}

Ownership decide_owner(const dns::DnsName& host, const HostLookup& lookup, const HostRules& rules) {
  if (const std::string why_not = host.why_not_a_host(); !why_not.empty()) return {Owner::unresolvable, why_not};
  if (const HostPattern* pattern = find_match(rules.exclude, host))
    return {Owner::foreign, fmt::format("excluded by hosts.exclude \"{}\"", printable(pattern->text()))};
  if (lookup.is_unknown()) return {Owner::unknown, lookup.reason};
  if (lookup.addresses.empty()) return {Owner::unresolvable, lookup.reason};
  if (const HostPattern* pattern = find_match(rules.names, host))
    return {Owner::ours, fmt::format("listed in hosts.names as \"{}\"", printable(pattern->text()))};
  return decide_by_addresses(lookup, rules);
}

std::string_view to_string(Owner owner) {
  return name_of(owner_names, owner);
}

}  // namespace mxcert::mx
