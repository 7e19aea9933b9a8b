#include "mx/split_horizon.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace mxcert::mx {
namespace {

constexpr std::size_t max_questions = 4;

/// Those of MX records and of services.
std::vector<const PlannedTarget*> all_targets(const Plan& plan) {
  std::vector<const PlannedTarget*> targets;
  const auto add = [&](const PlannedTarget& target) { targets.push_back(&target); };
  for (const PlannedDomain& domain : plan.domains) {
    std::ranges::for_each(domain.targets, add);
    for (const PlannedService& service : domain.services)
      std::ranges::for_each(service.targets, add);
  }
  return targets;
}

/// As near as one comes without asking.
std::string zone_of(const dns::DnsName& host) {
  const std::string& name = host.ascii();
  const auto dot = name.find('.');
  const bool two_labels = dot != std::string::npos && name.find('.', dot + 1) == std::string::npos;
  return dot == std::string::npos || two_labels ? name : name.substr(dot + 1);
}

bool is_here(const PlannedTarget& target) {
  return target.owner == Owner::ours || target.owner == Owner::partly_ours || target.owner == Owner::sibling;
}

}  // namespace

std::optional<std::string> find_inner_address(const Plan& plan) {
  for (const PlannedTarget* target : all_targets(plan)) {
    if (!is_here(*target)) continue;
    const auto inner = std::ranges::find_if(target->addresses, &dns::IpAddress::is_private);
    if (inner != target->addresses.end())
      return fmt::format("{} has the private address {}", dns::display_name(target->host), inner->to_string());
  }
  return std::nullopt;
}

std::vector<dns::Question> questions_about_view(const Plan& plan) {
  std::vector<dns::Question> questions;
  std::set<std::string> zones;
  const std::vector<const PlannedTarget*> targets = all_targets(plan);
  const auto ask = [&](const PlannedTarget& target) {
    if (target.addresses.empty() || target.dnssec != dns::Security::insecure) return;
    if (questions.size() == max_questions || !zones.insert(zone_of(target.host)).second) return;
    const bool v4 = target.addresses.front().is_v4();
    questions.push_back({target.host, v4 ? dns::RecordType::a : dns::RecordType::aaaa});
  };
  for (const PlannedTarget* target : targets)
    if (is_here(*target)) ask(*target);
  for (const PlannedTarget* target : targets)
    if (target->owner == Owner::foreign) ask(*target);
  return questions;
}

Warning warn_of_view(const std::string& reason) {
  return {"split_horizon", "dns.servers",
          fmt::format("{}: what the DNS servers in use show may be a view of the inside (split horizon), and not what "
                      "senders and the CA see; name servers as dns.servers that see what the Internet sees",
                      reason)};
}

}  // namespace mxcert::mx
