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

bool is_current(const Context& context, const mx::PlannedCertificate& planned, const store::Version& live) {
  const store::CertificateState state = context.store.certificates.load_state(planned.name);
  const std::vector<std::string> names = planned.ascii_names();
  return issue::why_incomplete(context.config.key_types, live).empty() &&
         context.clock.now() <= issue::due_time(state, live, context.config.renew).at &&
         std::ranges::all_of(names, [&](const std::string& name) { return pki::covers(live.leaf, name); });
}

store::Version issue(Context& context, const mx::PlannedCertificate& planned,
                     const std::optional<store::Version>& live) {
  std::vector<store::VersionPart> parts;
  for (const issue::WantedKey& key : issue::wanted_keys(context.config.key_types, live))
    parts.push_back(issue::issue_internally(context.run, {.planned = planned, .key = key}));
  const std::string number = context.store.certificates.put(planned.name, parts.front().bundle, parts.front().record,
                                                            std::span(parts).subspan(1));
  context.store.certificates.make_live(planned.name, number);
  return context.store.certificates.load(planned.name, number);
}

}  // namespace

bool wants_placeholder(const Context& context, const mx::PlannedCertificate& planned) {
  if (!context.config.ca.placeholder || is_internal(context.config.ca) || context.config.targets.empty()) return false;
  const auto live = context.store.certificates.find_live(planned.name);
  return !live || issue::is_placeholder(context.run, *live);
}

void install_placeholder(Context& context, const mx::PlannedCertificate& planned, report::CertificateOutcome& outcome) {
  auto live = context.store.certificates.find_live(planned.name);
  if (!live || !is_current(context, planned, *live)) live = issue(context, planned, live);
  outcome.result = "placeholder";
  outcome.version = live->number;
  outcome.names = live->leaf.names;
  outcome.not_after = issue::end_of(*live);
  outcome.key_types = issue::key_types_of(*live);
  context.report.add_warning(
      {.code = "placeholder",
       .subject = planned.name,
       .message = fmt::format("{} is from the internal CA until {} issues: installed where nothing else is served",
                              planned.name, context.config.ca.name),
       .hint = {}});
  if (!is_in_service(context, Assignments(context), planned.name)) deliver(context, planned.name, *live, outcome);
  context.store.certificates.prune(planned.name);
}

}  // namespace mxcert::app
