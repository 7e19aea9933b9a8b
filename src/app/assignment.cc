#include "app/assignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "dns/name.h"
#include "mx/ownership.h"

namespace mxcert::app {
namespace {

/// Which of the target's patterns takes the certificate; none: it does not.
std::optional<std::size_t> find_pattern(const deploy::Target& target, const std::string& certificate) {
  if (target.certificates.empty()) return 0;
  const dns::DnsName name = dns::DnsName::parse(certificate);
  for (std::size_t i = 0; i < target.certificates.size(); ++i)
    if (mx::HostPattern::parse(target.certificates[i]).matches(name)) return i;
  return std::nullopt;
}

/// The certificate that `target` shows to who says no name; empty when it takes none.
std::string default_at(const deploy::Target& target, const std::vector<std::string>& certificates,
                       bool first_is_planned) {
  if (first_is_planned && takes(target, certificates.front())) return certificates.front();
  std::string first;
  std::optional<std::size_t> best;
  for (const std::string& certificate : certificates) {
    const auto pattern = find_pattern(target, certificate);
    if (!pattern || (best && *best <= *pattern)) continue;
    best = pattern;
    first = certificate;
  }
  return first;
}

bool has_room_for_more(const deploy::Target& target) {
  return !target.listed || std::ranges::all_of(target.listed->files, [](const deploy::DaemonFile& file) {
    return file.path.string().find(deploy::name_placeholder) != std::string::npos;
  });
}

/// Those that are stored and planned; and whether the first one is the default one by the plan.
std::pair<std::vector<std::string>, bool> planned_certificates(const store::Inventory& inventory) {
  std::vector<std::string> defaults;
  std::vector<std::string> others;
  for (const auto& [name, certificate] : inventory)
    if (certificate.live.exists() && !certificate.state.unplanned)
      (certificate.state.is_default.value_or(false) ? defaults : others).push_back(name);
  const bool first_is_planned = !defaults.empty();
  defaults.insert(defaults.end(), others.begin(), others.end());
  return {std::move(defaults), first_is_planned};
}

}  // namespace

std::string target_name(std::span<const deploy::Target> targets, const deploy::Target& target) {
  std::size_t number = 1;
  for (const deploy::Target& other : targets) {
    if (&other == &target) break;
    if (other.hook == target.hook) ++number;
  }
  return number == 1 ? target.hook : fmt::format("{}#{}", target.hook, number);
}

bool takes(const deploy::Target& target, const std::string& certificate) {
  return find_pattern(target, certificate).has_value();
}

Assignments::Assignments(std::span<const deploy::Target> targets, const store::Inventory& inventory) {
  bool first_is_planned = false;
  std::tie(certificates_, first_is_planned) = planned_certificates(inventory);
  for (const deploy::Target& target : targets)
    places_.push_back({.target = &target,
                       .name = target_name(targets, target),
                       .default_certificate = default_at(target, certificates_, first_is_planned)});
}

std::vector<Assignment> Assignments::of(const std::string& certificate) const {
  if (std::ranges::find(certificates_, certificate) == certificates_.end()) return {};
  std::vector<Assignment> assignments;
  for (const Place& place : places_) {
    if (!takes(*place.target, certificate)) continue;
    const bool is_default = place.default_certificate == certificate;
    if (!is_default && !has_room_for_more(*place.target)) continue;
    assignments.push_back({.target = place.target,
                           .name = place.name,
                           .role = is_default ? deploy::Role::default_certificate : deploy::Role::sni});
  }
  return assignments;
}

void report_idle_targets(std::span<const deploy::Target> targets, const store::Inventory& inventory,
                         report::Report& report) {
  const std::vector<std::string> certificates = Assignments(targets, inventory).certificates();
  if (certificates.empty()) return;
  for (const deploy::Target& target : targets) {
    if (std::ranges::any_of(certificates, [&](const std::string& name) { return takes(target, name); })) continue;
    report.add_warning({.code = "idle_target",
                        .subject = target_name(targets, target),
                        .message = fmt::format("{} takes none of the certificates that there are: {}",
                                               target_name(targets, target), join(certificates, ", ")),
                        .hint = "correct certificates under [[deploy]]"});
  }
}

}  // namespace mxcert::app
