#include "issue/chain.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "pki/certificate.h"

namespace mxcert::issue {
namespace {

/// The common name that the topmost certificate has as its issuer; empty when it has none, or `pem` is no chain:
/// whoever checks the chain will say so.
std::string top_issuer(const std::string& pem) {
  try {
    return pki::parse_certificates(pem).back().issuer_common_name;
  } catch (const Error&) {
    return {};
  }
}

acme::CertificateChain fetch_alternate(acme::Client& client, const std::string& url, Deadline deadline) {
  try {
    return client.fetch_certificate(url, deadline);
  } catch (const Error& error) {
    log::debug(fmt::format("another chain, {}: {}", url, error.message()));
    return {};
  }
}

}  // namespace

acme::CertificateChain choose_chain(report::Report& report, acme::Client& client, const std::string& certificate,
                                    acme::CertificateChain chain, const std::string& preferred, Deadline deadline) {
  if (preferred.empty() || top_issuer(chain.pem) == preferred) return chain;
  std::set<std::string> offered{top_issuer(chain.pem)};
  for (const std::string& url : chain.alternates) {
    acme::CertificateChain alternate = fetch_alternate(client, url, deadline);
    const std::string issuer = top_issuer(alternate.pem);
    if (issuer == preferred) return alternate;
    offered.insert(issuer);
  }
  offered.erase("");
  report.add_warning(
      {.code = "chain_not_found",
       .subject = certificate,
       .message = fmt::format("{}: no chain of the CA leads to {}: the default one is used", certificate, preferred),
       .hint = fmt::format("[ca] preferred_chain can be {}",
                           join(std::vector<std::string>(offered.begin(), offered.end()), ", "))});
  return chain;
}

}  // namespace mxcert::issue
