#include "app/assignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "app/context.h"
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

bool is_planned_default(const Context& context, const std::string& certificate) {
  return context.certificates.load_state(certificate).is_default.value_or(false);
}

}  // namespace

std::string target_name(const Context& context, const deploy::Target& target) {
  std::size_t number = 1;
  for (const deploy::Target& other : context.config.targets) {
    if (&other == &target) break;
    if (other.hook == target.hook) ++number;
  }
  return number == 1 ? target.hook : fmt::format("{}#{}", target.hook, number);
}

bool takes(const deploy::Target& target, const std::string& certificate) {
  return find_pattern(target, certificate).has_value();
}

std::vector<std::string> deployable_certificates(const Context& context) {
  std::vector<std::string> certificates = context.certificates.names();
  std::erase_if(certificates, [&](const std::string& name) {
    return context.certificates.load_state(name).unplanned || !context.certificates.live_number(name);
  });
  std::ranges::stable_partition(certificates,
                                [&](const std::string& name) { return is_planned_default(context, name); });
  return certificates;
}

std::vector<Assignment> find_assignments(const Context& context, const std::string& certificate) {
  const std::vector<std::string> certificates = deployable_certificates(context);
  if (std::ranges::find(certificates, certificate) == certificates.end()) return {};
  const bool first_is_planned = is_planned_default(context, certificates.front());
  std::vector<Assignment> assignments;
  for (const deploy::Target& target : context.config.targets) {
    if (!takes(target, certificate)) continue;
    const bool is_default = default_at(target, certificates, first_is_planned) == certificate;
    if (!is_default && !has_room_for_more(target)) continue;
    assignments.push_back({.target = &target,
                           .name = target_name(context, target),
                           .role = is_default ? deploy::Role::fallback : deploy::Role::sni});
  }
  return assignments;
}

void report_idle_targets(Context& context) {
  const std::vector<std::string> certificates = deployable_certificates(context);
  if (certificates.empty()) return;
  for (const deploy::Target& target : context.config.targets) {
    if (std::ranges::any_of(certificates, [&](const std::string& name) { return takes(target, name); })) continue;
    context.report.add_warning({.code = "idle_target",
                                .subject = target_name(context, target),
                                .message = fmt::format("{} takes none of the certificates that there are: {}",
                                                       target_name(context, target), join(certificates, ", ")),
                                .hint = "correct certificates under [[deploy]]"});
  }
}

}  // namespace mxcert::app
