#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "app/commands.h"
#include "app/context.h"
#include "app/dane.h"
#include "app/deliver.h"
#include "app/target_run.h"
#include "base/error.h"
#include "deploy/description.h"
#include "deploy/hook.h"
#include "report/tlsa_report.h"

namespace mxcert::app {
namespace {

using Chains = std::vector<deploy::Chain>;

Chains chains_of(const deploy::Delivery& delivery) {
  Chains chains;
  for (const pki::CertificateBundle* bundle : delivery.bundles())
    chains.push_back(pki::parse_certificates(bundle->full_chain()));
  return chains;
}

/// The chains of the other versions that targets serve.
Chains chains_still_served(const Context& context, const store::Certificate& certificate) {
  Chains chains;
  for (const std::string& number : certificate.state.served_versions()) {
    if (number == certificate.live.number()) continue;
    const store::Version version = context.store.certificates.load_version(certificate.name, number);
    std::ranges::move(chains_of(make_delivery(context.store.certificates, certificate, version)),
                      std::back_inserter(chains));
  }
  return chains;
}

/// Where the target's daemon listens, as the configuration or else its hook says; nowhere when the hook cannot be
/// asked.
std::vector<deploy::Endpoint> listeners_of(Context& context, const deploy::Target& target,
                                           const deploy::Delivery& delivery) {
  if (!target.verify.empty()) return target.verify;
  try {
    const auto program = find_hook(target.hook, shipped_hooks_directory());
    return deploy::describe(context.clock, program, target, delivery).listeners;
  } catch (const Error& e) {
    context.report.add_warning({.code = "listeners_unknown",
                                .subject = delivery.certificate_name,
                                .message = fmt::format("{}: where {} listens is not known: {}",
                                                       delivery.certificate_name, target.hook, e.message()),
                                .hint = e.hint()});
    return {};
  }
}

std::vector<std::uint16_t> ports_of(Context& context, const deploy::Delivery& delivery) {
  std::vector<deploy::Check> checks;
  for (const deploy::Target& target : context.config.targets)
    for (const deploy::Endpoint& listener : listeners_of(context, target, delivery))
      checks.push_back({listener});
  return deploy::ports_of(checks);
}

report::TlsaCertificate look_up(Context& context, const Assignments& assignments, const store::Certificate& stored,
                                const deploy::FindTlsa& find_tlsa) {
  const store::Version& live = stored.live_version();
  report::TlsaCertificate certificate{
      .name = stored.name, .version = live.number, .in_service = is_in_service(context, assignments, stored)};
  const deploy::Delivery delivery = make_delivery(context.store.certificates, stored, live);
  const Chains chains = chains_of(delivery);
  const Chains served = chains_still_served(context, stored);
  for (const deploy::TlsaLookup& lookup : find_tlsa(delivery.names, ports_of(context, delivery)))
    certificate.rrsets.push_back(report::compare_tlsa(lookup, chains, served));
  return certificate;
}

}  // namespace

void run_tlsa(Context& context) {
  context.read_inventory();
  const std::vector<store::Certificate*> chosen = chosen_certificates(context);
  if (chosen.empty()) throw Error("no certificate is stored yet", "mxcert issue gets one");
  const deploy::FindTlsa find_tlsa = tlsa_source(context);
  const Assignments assignments(context.config.targets, context.inventory);
  std::vector<report::TlsaCertificate> certificates;
  for (const store::Certificate* certificate : chosen)
    attempt(context.report, certificate->name,
            [&] { certificates.push_back(look_up(context, assignments, *certificate, find_tlsa)); });
  if (!context.invocation.json) return report::write_result(report::tlsa_to_text(certificates));
  report::write_result(tlsa_to_json(certificates, context.report));
}

}  // namespace mxcert::app
