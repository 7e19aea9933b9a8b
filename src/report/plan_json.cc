#include <fmt/format.h>

#include <span>
#include <utility>

#include "report/json.h"
#include "report/plan_report.h"

namespace mxcert::report {
namespace {

Json targets_to_json(std::span<const mx::PlannedTarget> targets) {
  Json list = Json::array();
  for (const mx::PlannedTarget& target : targets)
    list.push_back(to_json(target));
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

Json certificate_to_json(const mx::PlannedCertificate& certificate) {
  return {{"name", certificate.name},
          {"default", certificate.is_default},
          {"names", certificate.ascii_names()},
          {"action", to_string(certificate.action)},
          {"why", certificate.why},
          {"not_after", time_or_null(certificate.not_after)}};
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

}  // namespace

Json to_json(const mx::PlannedTarget& target) {
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

Json to_json(const mx::PlannedDomain& domain) {
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

Json to_json(const mx::Warning& warning) {
  return {{"code", warning.code}, {"subject", warning.subject}, {"message", warning.message}};
}

void write_plan_json(const mx::Plan& plan, std::span<const Finding> errors, const TextSink& sink) {
  ListDocument document(sink);
  document.add("domains", plan.domains, [](const mx::PlannedDomain& domain) { return to_json(domain); });
  document.add("certificates", plan.certificates, certificate_to_json);
  document.add("warnings", plan.warnings, [](const mx::Warning& warning) { return to_json(warning); });
  document.add("errors", errors, [](const Finding& finding) { return to_json({&finding, 1}).at(0); });
  document.finish();
}

}  // namespace mxcert::report
