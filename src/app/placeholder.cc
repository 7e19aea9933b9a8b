#include "app/placeholder.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "app/context.h"
#include "app/deliver.h"
#include "issue/internal_ca.h"
#include "issue/key_types.h"
#include "issue/renewal.h"

namespace mxcert::app {
namespace {

/// Whether the one that there is would do, were it not for who issued it.
bool is_current(const mx::PlannedCertificate& planned) {
  mx::Situation situation = planned.situation;
  situation.replace_why.clear();
  for (mx::CurrentPart& part : situation.parts)
    part.unwanted.clear();
  return mx::find_needs(situation, planned.names).empty();
}

void issue_placeholder(Context& context, const mx::PlannedCertificate& planned, store::Certificate& certificate) {
  std::vector<store::VersionPart> parts;
  for (const issue::WantedKey& key : issue::wanted_keys(context.config.key_types, certificate.live.intact()))
    parts.push_back(issue::issue_internally(context.run, {.planned = planned, .certificate = certificate, .key = key}));
  const std::string number = context.store.certificates.put(certificate, parts.front().bundle, parts.front().record,
                                                            std::span(parts).subspan(1));
  context.store.certificates.make_live(certificate, number);
}

}  // namespace

bool wants_placeholder(const config::Config& config, const store::Certificate& certificate) {
  if (!config.ca.placeholder || is_internal(config.ca) || config.targets.empty()) return false;
  const store::Version* live = certificate.live.intact();
  return live == nullptr || issue::is_placeholder(config.ca, *live);
}

void install_placeholder(Context& context, const mx::PlannedCertificate& planned, store::Certificate& certificate,
                         report::CertificateOutcome& outcome) {
  if (const store::Version* live = certificate.live.intact(); live == nullptr || !is_current(planned))
    issue_placeholder(context, planned, certificate);
  const store::Version live = certificate.live_version();
  describe_version(outcome, live);
  outcome.result = report::CertificateOutcome::Result::placeholder;
  context.report.add_warning(
      {.code = "placeholder",
       .subject = planned.name,
       .message = fmt::format("{} is from the internal CA until {} issues: installed where nothing else is served",
                              planned.name, context.config.ca.name),
       .hint = {}});
  const Assignments assignments(context.config.targets, context.inventory);
  if (!is_in_service(context, assignments, certificate)) deliver(context, certificate, live, outcome);
  context.store.certificates.prune(certificate);
}

}  // namespace mxcert::app
