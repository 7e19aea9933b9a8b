#include <fmt/format.h>

#include <algorithm>

#include "app/commands.h"
#include "app/context.h"
#include "issue/backoff.h"
#include "issue/fallback.h"
#include "issue/renewal.h"
#include "report/status_report.h"

namespace mxcert::app {
namespace {

std::optional<report::WindowStatus> find_window_status(const store::CertificateState& state,
                                                       const pki::Certificate& leaf) {
  const store::RenewalInfo* info = state.find_renewal_info(leaf.renewal_id);
  const store::RenewalWindow* window = issue::find_window(leaf, info);
  if (window == nullptr) return std::nullopt;
  const SystemTime chosen = issue::point_in_window(*window, leaf.sha256_fingerprint);
  return report::WindowStatus{.window = *window,
                              .chosen = chosen,
                              .is_too_late = chosen > issue::last_moment(leaf),
                              .asked_at = info->asked_at,
                              .next_question = info->next_question};
}

/// `renew` tries the certificate again when its own pause is over, and one of its CAs wants to be asked.
report::FailureStatus describe_failure(const Context& context, const store::Certificate& certificate) {
  const store::Failure& failure = *certificate.state.failure;
  const SystemTime own = issue::next_attempt(failure, certificate.name);
  const auto pause = issue::pause_of_all(context.config.ca, certificate.state.ca_pauses, context.clock.now());
  return {.subject = certificate.name, .failure = failure, .next_attempt = std::max(own, pause.value_or(own))};
}

report::CertificateStatus describe(const Context& context, const store::Certificate& certificate) {
  const store::CertificateState& state = certificate.state;
  report::CertificateStatus status{.name = certificate.name, .state = state};
  if (certificate.live.exists()) {
    const store::Version& live = certificate.live_version();
    status.version = live.number;
    status.renew_at = issue::due_time(state, live, context.config.renew).at;
    for (const store::VersionPart& part : live.parts())
      status.parts.push_back({.part = part, .window = find_window_status(state, part.leaf)});
  }
  if (state.failure) status.failure = describe_failure(context, certificate);
  for (const auto& [name, failure] : state.failing_names)
    status.failing_names.push_back(
        {.subject = name, .failure = failure, .next_attempt = issue::next_attempt(failure, name)});
  return status;
}

bool is_worth_showing(const store::Certificate& certificate) {
  return certificate.live.exists() || certificate.state.failure || !certificate.state.failing_names.empty();
}

}  // namespace

void run_status(Context& context) {
  context.read_inventory();
  std::vector<report::CertificateStatus> all;
  for (const auto& entry : context.inventory)
    if (is_worth_showing(entry.second))
      attempt(context.report, entry.first, [&] { all.push_back(describe(context, entry.second)); });
  if (context.invocation.json) return report::write_result(status_to_json(all, context.report));
  const report::TextStyle style{.width = context.terminal.width, .color = context.terminal.color};
  report::write_result(
      all.empty() ? fmt::format("no certificate is stored in {} yet\n", context.store.directory.root().string())
                  : status_to_text(all, style, context.clock.now()));
}

}  // namespace mxcert::app
