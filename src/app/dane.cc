#include "app/dane.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "app/context.h"
#include "issue/resolver_options.h"

namespace mxcert::app {
namespace {

using deploy::DaneJudgement;
using deploy::DaneStatus;

/// Lives as long as the source that it is for.
struct LazyResolver {
  explicit LazyResolver(Context& context) : progress(context.policy.shows_progress) {}

  report::ProgressLine progress;
  std::optional<dns::UnboundResolver> resolver = {};
};

/// That records came unsigned says something of them only where signatures are looked at.
void forget_unvalidated(deploy::TlsaLookup& lookup) {
  if (lookup.answer.status != dns::AnswerStatus::ok) return;
  lookup.answer = {.status = dns::AnswerStatus::temporary,
                   .reason =
                       "there are records, but DNSSEC is not checked on this host (install dns-root-data, and ask "
                       "DNS servers that pass signatures on)"};
}

/// What is wrong with records that kept nothing back: the code of a warning, or nothing.
std::string weakness_of(const DaneJudgement& judgement) {
  if (judgement.status == DaneStatus::unusable) return "tlsa_unusable";
  if (judgement.status == DaneStatus::unknown) return "tlsa_unknown";
  return judgement.status == DaneStatus::matches && judgement.fragile ? "tlsa_fragile" : "";
}

std::string describe(const std::string& code, const std::string& owners, const DaneJudgement& first) {
  if (code == "tlsa_unusable") return fmt::format("none of the TLSA records of {} is of a kind that mail uses", owners);
  if (code == "tlsa_unknown")
    return fmt::format("the TLSA records of {} cannot be looked up: {}", owners, first.lookup.answer.reason);
  return fmt::format(
      "the TLSA records of {} match this certificate, and perhaps not the next one: they name it or the CA, not the "
      "key",
      owners);
}

/// One warning for all that are weak in the same way.
void warn(Context& context, const std::string& certificate, const std::string& code,
          const std::vector<const DaneJudgement*>& weak) {
  std::string owners = weak.front()->lookup.owner().ascii();
  if (weak.size() > 1) owners += fmt::format(" and {} more", weak.size() - 1);
  context.report.add_warning(
      {.code = code,
       .subject = certificate,
       .message = fmt::format("{}: {}", certificate, describe(code, owners, *weak.front())),
       .hint = fmt::format("mxcert tlsa {} prints the records to publish, and what is there", certificate)});
}

/// The same that is remembered, but for the time.
bool is_known(const store::CertificateState& state, const std::string& owner, const store::Dane& dane) {
  const auto known = state.dane.find(owner);
  return known != state.dane.end() && known->second.status == dane.status && known->second.fragile == dane.fragile;
}

}  // namespace

deploy::FindTlsa tlsa_source(Context& context) {
  return [&context, dns = std::make_shared<LazyResolver>(context)](std::span<const std::string> names,
                                                                   std::span<const std::uint16_t> ports) {
    if (!dns->resolver) dns->resolver.emplace(context.clock, issue::resolver_options(context.config, dns->progress));
    std::vector<deploy::TlsaLookup> lookups = deploy::find_tlsa(*dns->resolver, names, ports);
    dns->progress.clear();
    if (dns->resolver->validation() != dns::Validation::on)
      for (deploy::TlsaLookup& lookup : lookups)
        forget_unvalidated(lookup);
    return lookups;
  };
}

void report_dane(Context& context, store::Certificate& certificate, std::span<const DaneJudgement> judgements) {
  if (judgements.empty()) return;
  store::CertificateState& state = certificate.state;
  std::map<std::string, std::vector<const DaneJudgement*>> weak;  // by code
  for (const DaneJudgement& judgement : judgements) {
    const std::string owner = judgement.lookup.owner().ascii();
    if (judgement.status == DaneStatus::none) {
      state.dane.erase(owner);
      continue;
    }
    const store::Dane dane{
        .status = std::string(to_string(judgement.status)), .fragile = judgement.fragile, .at = context.clock.now()};
    const bool told = context.policy.speaks_only_of_changes && is_known(state, owner, dane);
    state.dane[owner] = dane;
    if (const std::string code = weakness_of(judgement); !code.empty() && !told) weak[code].push_back(&judgement);
  }
  for (const auto& [code, judgements_alike] : weak)
    warn(context, certificate.name, code, judgements_alike);
  context.store.certificates.save(certificate);
}

std::vector<std::string> tlsa_records(const store::Version& version) {
  std::vector<std::string> records;
  for (const std::string& name : version.leaf.names) {
    const auto base = dns::DnsName::parse_host(name);
    if (!base) continue;
    const deploy::TlsaLookup port{.name = name, .port = 25, .base = *base};
    for (const store::VersionPart& part : version.parts())
      records.push_back(deploy::zone_line(port.owner(), deploy::record_for(part.leaf)));
  }
  return records;
}

}  // namespace mxcert::app
