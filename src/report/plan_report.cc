#include "report/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace mxcert::report {
namespace {

using dns::DnsName;

/// What counts most comes first.
int rank(mx::Owner owner) {
  switch (owner) {
    case mx::Owner::ours:
      return 0;
    case mx::Owner::sibling:
      return 1;
    case mx::Owner::partly_ours:
      return 2;
    case mx::Owner::unknown:
      return 3;
    case mx::Owner::unresolvable:
      return 4;
    case mx::Owner::foreign:
      return 5;
  }
  return 6;
}

/// A host and the domains that lead to it, by MX records or by those of services.
struct HostLine {
  const mx::PlannedTarget* target;
  std::vector<const mx::PlannedDomain*> domains = {};
  std::map<std::vector<std::string>, std::vector<const mx::PlannedDomain*>> services = {};
};

using HostLines = std::map<DnsName, HostLine>;

/// The services of a domain by the hosts that they lead to.
std::map<const mx::PlannedTarget*, std::vector<std::string>> services_by_host(const mx::PlannedDomain& domain) {
  std::map<DnsName, const mx::PlannedTarget*> hosts;
  std::map<const mx::PlannedTarget*, std::vector<std::string>> services;
  for (const mx::PlannedService& service : domain.services)
    for (const mx::PlannedTarget& target : service.targets)
      services[hosts.try_emplace(target.host, &target).first->second].emplace_back(service.service);
  return services;
}

HostLine& line_of(HostLines& hosts, const mx::PlannedTarget& target) {
  return hosts.try_emplace(target.host, HostLine{.target = &target}).first->second;
}

std::vector<HostLine> group_by_host(const mx::Plan& plan) {
  HostLines hosts;
  for (const mx::PlannedDomain& domain : plan.domains) {
    for (const mx::PlannedTarget& target : domain.targets)
      line_of(hosts, target).domains.push_back(&domain);
    for (const auto& [target, services] : services_by_host(domain))
      line_of(hosts, *target).services[services].push_back(&domain);
  }
  std::vector<HostLine> lines;
  lines.reserve(hosts.size());
  for (auto& [host, line] : hosts)
    lines.push_back(std::move(line));
  std::ranges::stable_sort(lines, {}, [](const HostLine& line) {
    return std::pair(rank(line.target->owner), std::string_view(line.target->reason));
  });
  return lines;
}

/// Writes one plan. Remembers which A-labels it has shown beside their U-labels.
class TextReport {
 public:
  TextReport(const mx::Plan& plan, const TextStyle& style) : plan_(plan), style_(style) {}

  std::string write() {
    std::vector<std::string> parts{hosts(), lost_domains(), certificates(), warnings()};
    std::erase(parts, "");
    return join(parts, "\n");
  }

 private:
  std::string show(const DnsName& name) {
    return shown_.insert(name).second ? dns::display_name(name) : name.unicode();
  }

  /// A U-label's A-label stands here, so that the column keeps its width.
  std::string explain(const HostLine& line) {
    const DnsName& host = line.target->host;
    std::vector<std::string> lines;
    if (shown_.insert(host).second && host.unicode() != host.ascii())
      lines.push_back(fmt::format("({})", host.ascii()));
    if (!line.domains.empty()) lines.push_back("for " + list(line.domains, line.target->implicit ? &host : nullptr));
    for (const auto& [services, domains] : line.services)
      lines.push_back(fmt::format("{} of {}", join(services, ", "), list(domains)));
    return join(lines, "\n");
  }

  /// `itself` is the host that they lead to, if that is one of them for want of an MX record.
  std::string list(const std::vector<const mx::PlannedDomain*>& domains, const DnsName* itself = nullptr) {
    std::vector<std::string> texts;
    texts.reserve(domains.size());
    for (const mx::PlannedDomain* domain : domains)
      texts.push_back(itself != nullptr && domain->domain == *itself ? "itself (it has no MX record)"
                                                                     : show(domain->domain));
    return join(texts, ", ");
  }

  /// What is true of several is said once, above them.
  static void begin_group(std::vector<Row>& rows, std::string heading, Color color) {
    if (!rows.empty()) rows.push_back({{""}});
    rows.push_back({{std::move(heading), color}});
  }

  std::string hosts() {
    std::vector<Row> rows;
    const mx::PlannedTarget* before = nullptr;
    for (const HostLine& line : group_by_host(plan_)) {
      const mx::PlannedTarget& target = *line.target;
      if (before == nullptr || before->owner != target.owner || before->reason != target.reason)
        begin_group(rows, fmt::format("{}: {}", owner_words(target.owner), target.reason), owner_color(target.owner));
      rows.push_back({{""}, {target.host.unicode()}, {explain(line)}});
      before = &target;
    }
    return format_table(rows, style_);
  }

  std::string lost_domains() {
    std::vector<std::pair<std::string_view, std::vector<const mx::PlannedDomain*>>> groups;
    for (const mx::PlannedDomain& domain : plan_.domains) {
      if (!domain.targets.empty()) continue;
      auto group = std::ranges::find(groups, domain.reason, [](const auto& known) { return known.first; });
      if (group == groups.end()) group = groups.insert(groups.end(), {domain.reason, {}});
      group->second.push_back(&domain);
    }
    std::vector<Row> rows;
    for (const auto& [reason, domains] : groups) {
      const mx::MxStatus status = domains.front()->status;
      const bool unknown = status == mx::MxStatus::temporary || status == mx::MxStatus::bogus;
      begin_group(rows, fmt::format("no MX host: {}", reason), unknown ? Color::yellow : Color::none);
      rows.push_back({{""}, {list(domains)}});
    }
    return format_table(rows, style_);
  }

  std::string action_line(const mx::PlannedCertificate& certificate) const {
    if (certificate.action == mx::Action::none) return fmt::format("nothing to do: {}", certificate.why);
    return fmt::format("{}: {}", to_string(certificate.action), certificate.why);
  }

  std::string certificates() {
    if (plan_.certificates.empty()) return paint("no certificate", Color::bold, style_) + ": no MX host is this one\n";
    std::vector<std::string> parts;
    for (const mx::PlannedCertificate& certificate : plan_.certificates) {
      std::vector<std::string> names;
      for (const DnsName& name : certificate.names)
        names.push_back(show(name));
      const std::vector<Row> rows{
          {{"to do"}, {action_line(certificate), certificate.action == mx::Action::none ? Color::none : Color::green}},
          {{"names"}, {join(names, ", ")}}};
      const char* role = certificate.is_default && plan_.certificates.size() > 1 ? ", the default one" : "";
      parts.push_back(paint("certificate " + certificate.name, Color::bold, style_) + role + "\n" +
                      format_table(rows, style_, 2));
    }
    return join(parts, "\n");
  }

  /// But for those that the tables say already.
  std::string warnings() const {
    std::vector<Row> rows;
    for (const mx::Warning& warning : plan_.warnings)
      if (warning.code != "domain_unknown" && warning.code != "host_unknown" && warning.code != "mx_without_address" &&
          warning.code != "srv_without_address")
        rows.push_back({{"warning:", Color::yellow}, {warning.message}});
    return format_table(rows, style_);
  }

  const mx::Plan& plan_;
  const TextStyle& style_;
  std::set<DnsName> shown_;
};

}  // namespace

std::string owner_words(mx::Owner owner) {
  return owner == mx::Owner::partly_ours ? "partly ours" : std::string(to_string(owner));
}

Color owner_color(mx::Owner owner) {
  switch (owner) {
    case mx::Owner::ours:
    case mx::Owner::sibling:
      return Color::green;
    case mx::Owner::partly_ours:
    case mx::Owner::unknown:
      return Color::yellow;
    case mx::Owner::unresolvable:
      return Color::red;
    case mx::Owner::foreign:
      return Color::none;
  }
  return Color::none;
}

std::string plan_to_text(const mx::Plan& plan, const TextStyle& style) {
  return TextReport(plan, style).write();
}

}  // namespace mxcert::report
