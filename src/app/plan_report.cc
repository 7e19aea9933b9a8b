#include "app/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "app/json.h"
#include "base/text.h"

namespace mxcert::app {
namespace {

using dns::DnsName;

Json target_to_json(const mx::PlannedTarget& target) {
  Json addresses = Json::array();
  for (const dns::IpAddress& address : target.addresses)
    addresses.push_back(address.to_string());
  return {{"host", target.host.ascii()},
          {"preference", target.preference},
          {"implicit", target.implicit},
          {"owner", to_string(target.owner)},
          {"addresses", std::move(addresses)},
          {"dnssec", to_string(target.dnssec)},
          {"canonical", target.canonical ? Json(target.canonical->ascii()) : Json(nullptr)},
          {"reason", target.reason}};
}

Json targets_to_json(std::span<const mx::PlannedTarget> targets) {
  Json list = Json::array();
  for (const mx::PlannedTarget& target : targets)
    list.push_back(target_to_json(target));
  return list;
}

Json services_to_json(const mx::PlannedDomain& domain) {
  Json services = Json::array();
  for (const mx::PlannedService& service : domain.services)
    services.push_back({{"service", service.service},
                        {"status", to_string(service.status)},
                        {"dnssec", to_string(service.dnssec)},
                        {"reason", service.reason},
                        {"targets", targets_to_json(service.targets)}});
  return services;
}

Json sources_to_json(const mx::PlannedDomain& domain) {
  Json sources = Json::array({domain.source});
  for (const std::string& source : domain.other_sources)
    sources.push_back(source);
  return sources;
}

Json domain_to_json(const mx::PlannedDomain& domain) {
  return {{"domain", domain.domain.unicode()},
          {"ascii", domain.domain.ascii()},
          {"source", domain.source},
          {"sources", sources_to_json(domain)},
          {"status", to_string(domain.status)},
          {"dnssec", to_string(domain.dnssec)},
          {"reason", domain.reason},
          {"targets", targets_to_json(domain.targets)},
          {"services", services_to_json(domain)}};
}

Json certificate_to_json(const mx::PlannedCertificate& certificate) {
  return {{"name", certificate.name},
          {"default", certificate.is_default},
          {"names", certificate.ascii_names()},
          {"action", to_string(certificate.action)},
          {"why", certificate.why},
          {"not_after", time_or_null(certificate.not_after)}};
}

Json warning_to_json(const mx::Warning& warning) {
  return {{"code", warning.code}, {"subject", warning.subject}, {"message", warning.message}};
}

constexpr std::size_t piece_bytes = 64 << 10;

/// A JSON document as `dump` would make it, whose lists are never whole in memory: a plan may have 100,000 domains.
class ListDocument {
 public:
  explicit ListDocument(const TextSink& sink) : sink_(sink), text_("{\n  \"version\": 1") {}

  template <typename Items, typename ToJson>
  void add(std::string_view key, const Items& items, ToJson to_json_of_one) {
    text_ += fmt::format(",\n  \"{}\": [", key);
    bool first = true;
    for (const auto& item : items) {
      text_ += first ? "\n    " : ",\n    ";
      add_indented(dump(to_json_of_one(item)));
      first = false;
      if (text_.size() >= piece_bytes) flush();
    }
    text_ += first ? "]" : "\n  ]";
  }

  void finish() {
    text_ += "\n}\n";
    flush();
  }

 private:
  void add_indented(std::string_view item) {
    item.remove_suffix(1);  // the last line feed
    for (const char c : item) {
      text_ += c;
      if (c == '\n') text_ += "    ";
    }
  }

  void flush() {
    sink_(text_);
    text_.clear();
  }

  const TextSink& sink_;
  std::string text_;
};

std::string words(mx::Owner owner) {
  return owner == mx::Owner::partly_ours ? "partly ours" : std::string(to_string(owner));
}

Color color_of(mx::Owner owner) {
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
  std::ranges::stable_sort(lines, {}, [](const HostLine& line) { return rank(line.target->owner); });
  return lines;
}

/// Writes one plan. Remembers which A-labels it has shown beside their U-labels.
class TextReport {
 public:
  TextReport(const mx::Plan& plan, const TextStyle& style) : plan_(plan), style_(style) {}

  std::string write() {
    std::vector<std::string> parts{host_table(), lost_domain_table(), certificates(), warnings()};
    std::erase(parts, "");
    return join(parts, "\n");
  }

 private:
  std::string show(const DnsName& name) {
    return shown_.insert(name).second ? dns::display_name(name) : name.unicode();
  }

  std::string list_domains(const HostLine& line) {
    std::vector<std::string> texts;
    texts.reserve(line.domains.size());
    for (const mx::PlannedDomain* domain : line.domains)
      texts.push_back(domain->domain == line.target->host && line.target->implicit ? "itself (it has no MX record)"
                                                                                   : show(domain->domain));
    return join(texts, ", ");
  }

  /// A U-label's A-label stands below, so that the column keeps its width.
  std::string explain(const HostLine& line) {
    const DnsName& host = line.target->host;
    std::string text = line.target->reason;
    if (shown_.insert(host).second && host.unicode() != host.ascii()) text += fmt::format("\n({})", host.ascii());
    if (!line.domains.empty()) text += "\nfor " + list_domains(line);
    for (const auto& [services, domains] : line.services) {
      std::vector<std::string> texts;
      for (const mx::PlannedDomain* domain : domains)
        texts.push_back(show(domain->domain));
      text += fmt::format("\n{} of {}", join(services, ", "), join(texts, ", "));
    }
    return text;
  }

  std::string host_table() {
    std::vector<Row> rows;
    for (const HostLine& line : group_by_host(plan_)) {
      if (rows.empty())
        rows.push_back({{any_services() ? "host" : "MX host", Color::bold},
                        {"whose", Color::bold},
                        {"why, and for which domains", Color::bold}});
      const mx::Owner owner = line.target->owner;
      rows.push_back({{line.target->host.unicode()}, {words(owner), color_of(owner)}, {explain(line)}});
    }
    return format_table(rows, style_);
  }

  bool any_services() const {
    return std::ranges::any_of(plan_.domains, [](const mx::PlannedDomain& domain) { return !domain.services.empty(); });
  }

  std::string lost_domain_table() {
    std::vector<Row> rows;
    for (const mx::PlannedDomain& domain : plan_.domains) {
      if (!domain.targets.empty()) continue;
      if (rows.empty()) rows.push_back({{"mail domain", Color::bold}, {"has no MX host, since it", Color::bold}});
      const bool unknown = domain.status == mx::MxStatus::temporary || domain.status == mx::MxStatus::bogus;
      rows.push_back({{show(domain.domain)}, {domain.reason, unknown ? Color::yellow : Color::none}});
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

void write_plan_json(const mx::Plan& plan, std::span<const Finding> errors, const TextSink& sink) {
  ListDocument document(sink);
  document.add("domains", plan.domains, domain_to_json);
  document.add("certificates", plan.certificates, certificate_to_json);
  document.add("warnings", plan.warnings, warning_to_json);
  document.add("errors", errors, [](const Finding& finding) { return to_json({&finding, 1}).at(0); });
  document.finish();
}

std::string plan_to_text(const mx::Plan& plan, const TextStyle& style) {
  return TextReport(plan, style).write();
}

}  // namespace mxcert::app
