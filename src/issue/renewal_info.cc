#include "issue/renewal_info.h"

#include <fmt/format.h>

#include <algorithm>

#include "acme/problem.h"
#include "base/error.h"
#include "issue/ca.h"
#include "issue/renewal.h"
#include "issue/run.h"

namespace mxcert::issue {
namespace {

using std::chrono::seconds;

/// For all questions of one run.
constexpr seconds question_deadline{30};
/// RFC 9773 §4.3: neither too often nor too rarely, whatever the CA says.
constexpr seconds shortest_pause = std::chrono::minutes{1};
constexpr seconds longest_pause = std::chrono::days{1};
constexpr seconds usual_pause = std::chrono::hours{6};
constexpr seconds pause_after_failure = std::chrono::hours{1};

/// Whether the answer could change anything, and may be asked for. `known`: null when it was never asked.
bool is_question(Run& run, const pki::Certificate& leaf, const store::RenewalInfo* known) {
  const SystemTime now = run.clock.now();
  if (leaf.renewal_id.empty() || now >= last_moment(leaf)) return false;
  if (known == nullptr) return true;
  const bool due = known->window && now > due_time(leaf, known, run.config.renew).at;
  return !due && now >= known->next_question;
}

/// Takes over what the CA says about the certificate. Throws what acme::Client throws.
void ask(acme::Client& client, Run& run, store::RenewalInfo& info, Deadline deadline) {
  const auto answer = client.fetch_renewal_info(info.certificate, deadline);
  info.asked_at = run.clock.now();
  info.next_question = info.asked_at + longest_pause;  // a CA that has none may have some one day
  info.window.reset();
  if (!answer) return;
  info.window = {.start = answer->start, .end = answer->end, .explanation_url = answer->explanation_url};
  info.next_question =
      info.asked_at + std::clamp(answer->retry_after.value_or(usual_pause), shortest_pause, longest_pause);
}

void note_silence(Run& run, const std::string& certificate, store::RenewalInfo& info, const Error& error) {
  seconds pause = pause_after_failure;
  if (const auto* problem = dynamic_cast<const acme::Problem*>(&error))
    pause = std::clamp(problem->retry_after().value_or(pause), pause, longest_pause);
  info.next_question = run.clock.now() + pause;
  run.report.add_warning(
      {.code = "renewal_info_unknown",
       .subject = certificate,
       .message = fmt::format("{}: cannot ask the CA when to renew: {}", certificate, error.message())});
}

/// What is known of one certificate, after the CA was asked if that is worth it. `known`: what was before; may be null.
std::optional<store::RenewalInfo> ask_if_due(Run& run, CertificateAuthority& ca, const std::string& certificate,
                                             const pki::Certificate& leaf, const store::RenewalInfo* known,
                                             Deadline deadline) {
  std::optional<store::RenewalInfo> info;
  if (known != nullptr) info = *known;
  if (!is_question(run, leaf, known)) return info;
  if (!info) info = store::RenewalInfo{.certificate = leaf.renewal_id};
  try {
    ask(ca.client_without_account(), run, *info, deadline);
  } catch (const Error& error) {
    note_silence(run, certificate, *info, error);
  }
  return info;
}

/// About those of the live version that are from this CA; what was said of older ones is forgotten.
void update(Run& run, CertificateAuthority& ca, store::Certificate& certificate, Deadline deadline) {
  const store::Version* live = certificate.live.intact();
  if (live == nullptr || certificate.state.unplanned) return;
  std::vector<store::RenewalInfo> infos;
  for (const store::VersionPart& part : live->parts()) {
    const store::RenewalInfo* known = certificate.state.find_renewal_info(part.leaf.renewal_id);
    if (part.record.directory != ca.config().directory_url) {
      if (known != nullptr) infos.push_back(*known);
    } else if (auto info = ask_if_due(run, ca, certificate.name, part.leaf, known, deadline)) {
      infos.push_back(*std::move(info));
    }
  }
  certificate.state.renewal_info = std::move(infos);
  run.store.certificates.save(certificate);
}

}  // namespace

void update_renewal_info(Run& run, CertificateAuthority& ca) {
  if (is_internal(ca.config())) return;
  const Deadline deadline = Deadline::after(run.clock, question_deadline);
  for (auto& [name, certificate] : run.inventory)
    update(run, ca, certificate, deadline);
}

}  // namespace mxcert::issue
