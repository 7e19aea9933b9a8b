#include "app/renewal_info.h"

#include <fmt/format.h>

#include <algorithm>

#include "acme/problem.h"
#include "app/ca.h"
#include "app/context.h"
#include "app/renewal.h"
#include "base/error.h"

namespace mxcert::app {
namespace {

using std::chrono::seconds;

/// For all questions of one run.
constexpr seconds question_deadline{30};
/// RFC 9773 §4.3: neither too often nor too rarely, whatever the CA says.
constexpr seconds shortest_pause = std::chrono::minutes{1};
constexpr seconds longest_pause = std::chrono::days{1};
constexpr seconds usual_pause = std::chrono::hours{6};
constexpr seconds pause_after_failure = std::chrono::hours{1};

/// Whether the answer could change anything, and may be asked for.
bool is_question(Context& context, const store::Version& live, const store::CertificateState& state) {
  const SystemTime now = context.clock.now();
  if (state.unplanned || live.leaf.renewal_id.empty() || now >= last_moment(live.leaf)) return false;
  const auto& known = state.renewal_info;
  if (!known || known->certificate != live.leaf.renewal_id) return true;
  const bool due = known->window && now > due_time(live.leaf, known, context.config.renew).at;
  return !due && now >= known->next_question;
}

/// Takes over what the CA says about the certificate. Throws what acme::Client throws.
void ask(acme::Client& client, Context& context, store::RenewalInfo& info, Deadline deadline) {
  const auto answer = client.fetch_renewal_info(info.certificate, deadline);
  info.asked_at = context.clock.now();
  info.next_question = info.asked_at + longest_pause;  // a CA that has none may have some one day
  info.window.reset();
  if (!answer) return;
  info.window = {.start = answer->start, .end = answer->end, .explanation_url = answer->explanation_url};
  info.next_question =
      info.asked_at + std::clamp(answer->retry_after.value_or(usual_pause), shortest_pause, longest_pause);
}

void note_silence(Context& context, const std::string& certificate, store::RenewalInfo& info, const Error& error) {
  seconds pause = pause_after_failure;
  if (const auto* problem = dynamic_cast<const acme::Problem*>(&error))
    pause = std::clamp(problem->retry_after().value_or(pause), pause, longest_pause);
  info.next_question = context.clock.now() + pause;
  context.report.add_warning(
      {.code = "renewal_info_unknown",
       .subject = certificate,
       .message = fmt::format("{}: cannot ask the CA when to renew: {}", certificate, error.message())});
}

void update(Context& context, CertificateAuthority& ca, const std::string& certificate, Deadline deadline) {
  const auto live = context.certificates.find_live(certificate);
  if (!live || live->record.directory != ca.config().directory_url) return;
  store::CertificateState state = context.certificates.load_state(certificate);
  if (!is_question(context, *live, state)) return;
  if (!state.renewal_info || state.renewal_info->certificate != live->leaf.renewal_id)
    state.renewal_info =
        store::RenewalInfo{.certificate = live->leaf.renewal_id, .window = {}, .asked_at = {}, .next_question = {}};
  try {
    ask(ca.client_without_account(), context, *state.renewal_info, deadline);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    note_silence(context, certificate, *state.renewal_info, error);
  }
  context.certificates.save_state(certificate, state);
}

}  // namespace

void update_renewal_info(Context& context, CertificateAuthority& ca) {
  const Deadline deadline = Deadline::after(context.clock, question_deadline);
  for (const std::string& name : context.certificates.names())
    update(context, ca, name, deadline);
}

}  // namespace mxcert::app
