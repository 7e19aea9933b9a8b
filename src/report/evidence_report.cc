#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/evidence.h"
#include "report/json.h"

namespace mxcert::report {
namespace {

using dns::display_name;

constexpr std::size_t shown_uses = 20;

std::string join_addresses(const std::vector<dns::IpAddress>& addresses) {
  std::vector<std::string> texts(addresses.size());
  std::ranges::transform(addresses, texts.begin(), &dns::IpAddress::to_string);
  return join(texts, ", ");
}

/// `10 mx.example.com`, one a line.
std::string list_targets(std::span<const mx::PlannedTarget> targets) {
  std::string text;
  for (const mx::PlannedTarget& target : targets)
    text += target.implicit ? fmt::format("\nitself, for want of MX records")
                            : fmt::format("\n{} {}", target.preference, display_name(target.host));
  return text;
}

std::string describe_record(const HostUse& use) {
  if (!use.service.empty()) return fmt::format("{} {}", use.service, use.target->preference);
  return use.target->implicit ? "no MX record: its own host" : fmt::format("MX {}", use.target->preference);
}

std::string list_uses(const std::vector<HostUse>& uses) {
  std::string text;
  for (const HostUse& use : std::span(uses).first(std::min(uses.size(), shown_uses)))
    text += fmt::format("{}{} ({}, {}{})", text.empty() ? "" : "\n", display_name(use.domain->domain),
                        describe_record(use), to_string(use.dnssec),
                        use.through_alias ? fmt::format(", through its alias {}", display_name(use.target->host)) : "");
  if (uses.size() > shown_uses) text += fmt::format("\nand {} more", uses.size() - shown_uses);
  return text;
}

std::string describe_failure(const NameFailure& failure) {
  return fmt::format("refused at {}: {}\nrenew does not try it again before {}, issue does{}", format_time(failure.at),
                     failure.message, format_time(failure.next_attempt),
                     failure.hint.empty() ? "" : "\n" + failure.hint);
}

std::string action_of(const mx::PlannedCertificate& certificate) {
  if (certificate.action == mx::Action::none) return fmt::format("nothing to do: {}", certificate.why);
  return fmt::format("{}: {}", to_string(certificate.action), certificate.why);
}

/// One block: a heading and facts below it.
class Block {
 public:
  Block(const TextStyle& style, const dns::DnsName& heading) : style_(style), heading_(display_name(heading)) {}

  void add(const char* label, const std::string& text, Color color = Color::none) {
    if (!text.empty()) rows_.push_back({{label}, {text, color}});
  }
  void add(const std::vector<mx::Warning>& warnings) {
    for (const mx::Warning& warning : warnings)
      add("warning", warning.message, Color::yellow);
  }
  std::string write() const { return paint(heading_, Color::bold, style_) + "\n" + format_table(rows_, style_, 2); }

 private:
  const TextStyle& style_;
  std::string heading_;
  std::vector<Row> rows_;
};

std::string write_domain(const Evidence& evidence, const TextStyle& style) {
  const mx::PlannedDomain& domain = *evidence.domain;
  Block block(style, domain.domain);
  std::vector<std::string> sources{domain.source};
  std::ranges::copy(domain.other_sources, std::back_inserter(sources));
  block.add("mail domain", "from " + join(sources, ", "));
  block.add("MX", domain.targets.empty() ? fmt::format("{} ({})", domain.reason, to_string(domain.dnssec))
                                         : fmt::format("{}{}", to_string(domain.dnssec), list_targets(domain.targets)));
  for (const mx::PlannedService& service : domain.services)
    block.add("SRV",
              service.targets.empty()
                  ? fmt::format("{} {} ({})", service.service, service.reason, to_string(service.dnssec))
                  : fmt::format("{}, {}{}", service.service, to_string(service.dnssec), list_targets(service.targets)));
  block.add(evidence.warnings);
  return block.write();
}

void add_target(Block& block, const mx::PlannedTarget& target) {
  if (!target.addresses.empty())
    block.add("addresses", fmt::format("{} ({})", join_addresses(target.addresses), to_string(target.dnssec)));
  if (target.canonical) block.add("alias of", display_name(*target.canonical));
  block.add("whose", fmt::format("{}: {}", owner_words(target.owner), target.reason), owner_color(target.owner));
}

std::string write_host(const HostEvidence& host, const TextStyle& style) {
  Block block(style, host.host);
  block.add("named by", list_uses(host.uses));
  if (host.is_extra) block.add("named by", "certificate.extra_names");
  if (const mx::PlannedTarget* target = host.target()) add_target(block, *target);
  block.add("certificate", describe_verdict(host));
  if (host.certificate != nullptr) block.add("to do", action_of(*host.certificate));
  for (const ServedName& served : host.served)
    block.add("stored on", fmt::format("{} version {}, valid until {}", served.certificate, served.version,
                                       format_time(served.not_after)));
  block.add("CAA", host.caa.message, host.caa.status == CaaVerdict::Status::forbidden ? Color::red : Color::none);
  block.add("", host.caa.hint);
  if (host.failure) block.add("failure", describe_failure(*host.failure), Color::red);
  if (host.certificate_failure)
    block.add("failure", "the certificate: " + describe_failure(*host.certificate_failure), Color::red);
  block.add(host.warnings);
  return block.write();
}

Json failure_to_json(const std::optional<NameFailure>& failure) {
  if (!failure) return {};
  return {{"message", failure->message},
          {"hint", failure->hint},
          {"at", format_time(failure->at)},
          {"next_attempt", format_time(failure->next_attempt)}};
}

Json use_to_json(const HostUse& use) {
  return {{"domain", use.domain->domain.ascii()},
          {"record", use.service.empty() ? (use.target->implicit ? "implicit" : "MX") : use.service},
          {"preference", use.target->preference},
          {"dnssec", to_string(use.dnssec)},
          {"alias", use.through_alias ? Json(use.target->host.ascii()) : Json()}};
}

Json host_to_json(const HostEvidence& host) {
  Json uses = Json::array();
  for (const HostUse& use : host.uses)
    uses.push_back(use_to_json(use));
  Json served = Json::array();
  for (const ServedName& one : host.served)
    served.push_back({{"certificate", one.certificate},
                      {"certificate_version", one.version},
                      {"not_after", format_time(one.not_after)}});
  Json warnings = Json::array();
  for (const mx::Warning& warning : host.warnings)
    warnings.push_back(to_json(warning));
  const mx::PlannedTarget* target = host.target();
  return {{"host", host.host.ascii()},
          {"named_by", std::move(uses)},
          {"extra_name", host.is_extra},
          {"target", target == nullptr ? Json() : to_json(*target)},
          {"certificate", host.certificate == nullptr ? Json() : Json(host.certificate->name)},
          {"postponed", host.is_postponed},
          {"action", host.certificate == nullptr ? Json() : Json(to_string(host.certificate->action))},
          {"why", describe_verdict(host)},
          {"stored_on", std::move(served)},
          {"caa", {{"status", to_string(host.caa.status)}, {"message", host.caa.message}, {"hint", host.caa.hint}}},
          {"failure", failure_to_json(host.failure)},
          {"certificate_failure", failure_to_json(host.certificate_failure)},
          {"warnings", std::move(warnings)}};
}

}  // namespace

std::string evidence_to_text(const Evidence& evidence, const TextStyle& style) {
  std::vector<std::string> parts;
  if (evidence.domain != nullptr) parts.push_back(write_domain(evidence, style));
  for (const HostEvidence& host : evidence.hosts)
    parts.push_back(write_host(host, style));
  return join(parts, "\n");
}

std::string evidence_to_json(const Evidence& evidence) {
  Json hosts = Json::array();
  for (const HostEvidence& host : evidence.hosts)
    hosts.push_back(host_to_json(host));
  Json warnings = Json::array();
  for (const mx::Warning& warning : evidence.warnings)
    warnings.push_back(to_json(warning));
  return dump({{"version", 1},
               {"name", evidence.name.unicode()},
               {"ascii", evidence.name.ascii()},
               {"domain", evidence.domain == nullptr ? Json() : to_json(*evidence.domain)},
               {"hosts", std::move(hosts)},
               {"warnings", std::move(warnings)},
               {"errors", Json::array()}});
}

}  // namespace mxcert::report
