#include "issue/order.h"

#include <fmt/format.h>

#include <algorithm>

#include "acme/issuer.h"
#include "acme/problem.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "issue/caa_preflight.h"
#include "issue/chain.h"
#include "issue/failing_names.h"
#include "issue/internal_ca.h"
#include "issue/issuance_limits.h"
#include "issue/order_key.h"
#include "issue/profile.h"
#include "issue/renewal.h"
#include "issue/run.h"
#include "issue/solving.h"
#include "pki/csr.h"

namespace mxcert::issue {
namespace {

using Names = std::vector<std::string>;

/// How often an order is made again without names that the CA refuses. One that blames one name at a time is asked
/// again at the next run.
constexpr int max_rounds = 5;

Names without(const Names& names, const Names& removed) {
  Names rest;
  std::ranges::copy_if(names, std::back_inserter(rest),
                       [&](const std::string& name) { return std::ranges::find(removed, name) == removed.end(); });
  return rest;
}

/// One order, with what it is judged by.
struct Job {
  const OrderTask& task;

  const std::string& certificate() const { return task.planned.name; }
  /// Null when there is none that can be read.
  const store::Version* live() const { return task.certificate.live.intact(); }
  /// What it is to replace.
  const std::optional<store::VersionPart>& replaced() const { return task.key.live; }
  const WantedKey& key() const { return task.key; }
};

bool is_of_family(const std::string& private_key, pki::KeyFamily family) {
  try {
    return pki::family_of(pki::PrivateKey::from_pem(private_key).type()) == family;
  } catch (const Error&) {
    return false;
  }
}

/// The order of an interrupted run when it is for the same, else a new one, stored before anybody hears of it.
store::OrderRecord prepare_order(Run& run, const config::CaConfig& ca, const Job& job, const Names& names) {
  const auto unfinished = run.store.orders.find(job.certificate(), job.key().further);
  if (unfinished && unfinished->directory == ca.directory_url && unfinished->profile == ca.profile &&
      same_names(unfinished->names, names) && is_of_family(unfinished->private_key, job.key().family))
    return *unfinished;
  if (job.live() == nullptr || run.clock.now() < last_moment(*job.live()))
    require_not_issued_too_often(run.store.issuances.load(), ca.directory_url, names, run.clock.now());
  const pki::PrivateKey key = key_for_order(run, job.task.certificate, job.key());
  store::OrderRecord order{.directory = ca.directory_url,
                           .names = names,
                           .csr_der = pki::make_csr(key, names),
                           .private_key = key.to_pem(),
                           .profile = ca.profile,
                           .url = {}};
  run.store.orders.save(job.certificate(), order, job.key().further);
  return order;
}

std::string describe(const acme::Progress& progress) {
  using Step = acme::Progress::Step;
  switch (progress.step) {
    case Step::ordered:
      return fmt::format("ordered a certificate for {}", count_of(progress.total, "name"));
    case Step::resumed:
      return "going on with the order of an earlier run";
    case Step::authorized:
      return fmt::format("{} of {} already authorized", progress.done, count_of(progress.total, "name"));
    case Step::validating:
      return fmt::format("the CA validates {}", count_of(progress.total, "name"));
    case Step::validated:
      return fmt::format("the CA has looked at {}", count_of(progress.total, "name"));
    case Step::finalizing:
      return "sent the certificate request";
    case Step::issued:
      return "the CA has issued the certificate";
  }
  return {};
}

/// RFC 9773 §5: which certificate an order replaces, if the account that orders is the one that has it.
std::string find_replaced(const Run& run, const store::OrderRecord& order, const Job& job) {
  if (!job.replaced() || job.replaced()->record.directory != order.directory) return {};
  const auto account = run.store.accounts.find(order.directory);
  return account && account->url == job.replaced()->record.account ? job.replaced()->leaf.renewal_id : std::string();
}

acme::IssuedCertificate run_order(Run& run, CertificateAuthority& ca, const Job& job, store::OrderRecord& order) {
  const std::string& certificate = job.certificate();
  const Solving solving(run, certificate, order.names);
  const Deadline deadline = Deadline::after(run.clock, ca.config().timeout);
  acme::IssueRequest request{.names = order.names,
                             .csr_der = order.csr_der,
                             .profile = order.profile,
                             .replaces = find_replaced(run, order, job),
                             .deadline = deadline};
  request.on_order = [&](const std::string& url) {
    order.url = url;
    run.store.orders.save(certificate, order, job.key().further);
  };
  request.on_progress = [&](const acme::Progress& progress) {
    const bool nothing_to_tell = progress.step == acme::Progress::Step::authorized && progress.done == 0;
    if (run.policy.tells_steps && !nothing_to_tell) log::info(fmt::format("{}: {}", certificate, describe(progress)));
  };
  for (bool again = false;; again = true) {
    if (!order.url.empty()) request.order_url = order.url;
    try {
      acme::Client& client = ca.client(deadline);
      check_profile(client.directory(deadline), order.profile);
      acme::IssuedCertificate issued = acme::issue(client, run.clock, solving.solver(), request);
      issued.chain =
          choose_chain(run.report, client, certificate, std::move(issued.chain), ca.config().preferred_chain, deadline);
      return issued;
    } catch (const acme::Problem& e) {
      if (again || !e.is("accountDoesNotExist")) throw;
      log::warning(fmt::format("the CA no longer knows our account; registering again ({})", ca.config().name));
      ca.forget_account();
      order.url.clear();
      request.order_url.reset();
    }
  }
}

/// The chain, checked. Throws Error with the code `bad_certificate`.
std::vector<pki::Certificate> parse_usable(Run& run, const store::OrderRecord& order, const std::string& pem) {
  const pki::PrivateKey key = pki::PrivateKey::from_pem(order.private_key);
  try {
    std::vector<pki::Certificate> chain = pki::parse_certificates(pem);
    pki::check_chain(chain, key, order.names, run.clock.now());
    return chain;
  } catch (const Error& e) {
    throw Error("the CA's certificate is not usable: " + e.message(),
                e.hint().empty() ? "the CA has a problem of its own: try again later, or choose another one" : e.hint(),
                "bad_certificate");
  }
}

/// What the CA gave us, checked.
store::VersionPart make_part(Run& run, const store::OrderRecord& order, const acme::IssuedCertificate& issued) {
  std::vector<pki::Certificate> chain = parse_usable(run, order, issued.chain.pem);
  pki::CertificateBundle bundle{.private_key = order.private_key, .leaf = chain.front().pem, .chain = {}};
  for (const pki::Certificate& above : std::span(chain).subspan(1))
    bundle.chain += above.pem;
  const auto account = run.store.accounts.find(order.directory);
  return {.bundle = std::move(bundle),
          .leaf = std::move(chain.front()),
          .record = {.directory = order.directory,
                     .account = account ? account->url : std::string(),
                     .order = issued.order_url,
                     .issued_at = run.clock.now()}};
}

void remember_issuance(Run& run, const OrderTask& task, const store::VersionPart& part) {
  const bool replaces = task.planned.action == mx::Action::replace && !task.planned.is_due;
  run.store.issuances.add({.at = part.record.issued_at,
                           .certificate = task.planned.name,
                           .directory = part.record.directory,
                           .names = part.leaf.names,
                           .not_after = part.leaf.not_after,
                           .is_replacement = replaces && !task.key.further});
}

/// Where those who check certificates are content; with a placeholder they are not.
bool is_served(const store::Version* live, const std::string& name) {
  return live != nullptr && !is_internal(*live) && std::ranges::find(live->leaf.names, name) != live->leaf.names.end();
}

/// Law 2: names that are served are only given up when all would be lost otherwise, a tenth of the lifetime before the
/// end, and not silently. False when `refused` has one for which it is too early.
bool give_up_served(Run& run, const Job& job, const Names& refused) {
  for (const std::string& name : refused) {
    if (!is_served(job.live(), name)) continue;
    if (run.clock.now() < last_moment(*job.live())) return false;
    run.report.add_warning(
        {.code = "name_dropped",
         .subject = name,
         .message = fmt::format("{} is not in the new certificate {}: it is refused, and the old one ends at {}", name,
                                job.certificate(), format_time(end_of(*job.live()))),
         .hint = "it is tried again from time to time"});
  }
  return true;
}

Names absent_names(const Job& job) {
  Names names;
  std::ranges::transform(job.task.planned.absent, std::back_inserter(names), &dns::DnsName::ascii);
  return names;
}

/// Reports what was refused. A name that is only kept, since it is not missing for long, is no failure: the refusal
/// agrees with what the DNS says.
void tell_refused(Run& run, const Job& job, const acme::IssueFailure& failure) {
  const Names absent = absent_names(job);
  std::vector<acme::IssueFailure::Culprit> refused;
  for (const acme::IssueFailure::Culprit& culprit : failure.culprits()) {
    if (std::ranges::find(absent, culprit.name) == absent.end())
      refused.push_back(culprit);
    else
      run.report.add_warning(
          {.code = "name_dropped",
           .subject = culprit.name,
           .message = fmt::format("{} is not in the new certificate {}: it is not wanted any more, and the CA refuses "
                                  "it: {}",
                                  culprit.name, job.certificate(), acme::describe(culprit.problem))});
  }
  note_refused(run, job.task.certificate, refused);
}

/// What is left to order after `failure`; throws it when a name that is served now, or has to be there, would be lost,
/// or nothing is left.
Names names_to_keep(Run& run, const Job& job, const Names& names, const acme::IssueFailure& failure) {
  Names culprits;
  for (const acme::IssueFailure::Culprit& culprit : failure.culprits())
    culprits.push_back(culprit.name);
  Names rest = without(names, culprits);
  if (rest.empty() || rest.size() == names.size() || !job.task.exact_names.empty() ||
      !give_up_served(run, job, without(culprits, absent_names(job))))
    throw acme::IssueFailure(failure.message(), hint_for(run, failure.culprits().front()), failure.culprits());
  return rest;
}

/// Without what the CA refused in earlier runs, if something is left: for a CA that blames one name at a time.
Names names_without_doubt(const Job& job, const Names& names) {
  Names doubtful;
  for (const auto& [name, failure] : job.task.certificate.state.failing_names)
    if (!is_served(job.live(), name)) doubtful.push_back(name);
  Names rest = without(names, doubtful);
  return rest.empty() ? names : rest;
}

/// Whether the plan would still want a certificate that holds `names` of its names, and no others.
bool is_gain(const Job& job, const Names& names) {
  std::vector<dns::DnsName> left = job.task.planned.names;
  std::erase_if(left, [&](const dns::DnsName& name) { return std::ranges::find(names, name.ascii()) == names.end(); });
  const std::vector<mx::Need> needs = mx::find_needs(job.task.planned.situation, left);
  return std::ranges::find(needs, job.key().family, &mx::Need::family) != needs.end();
}

/// Those of the plan's names that CAA records let the CA put on a certificate. Throws as names_to_keep does.
Names names_allowed(Run& run, CertificateAuthority& ca, const Job& job) {
  const Names names = job.task.planned.ascii_names();
  Names refused;
  for (Finding& refusal : find_caa_refusals(run, ca, without(names, absent_names(job)))) {
    refused.push_back(refusal.subject);
    remember_refused(job.task.certificate.state, refusal, run.clock.now());
    run.report.add_error(std::move(refusal));
  }
  run.store.certificates.save(job.task.certificate);
  Names rest = without(names, refused);
  const std::string_view hint = "change the CAA records, or list these hosts as hosts.exclude to go on without them";
  if (rest.empty()) throw Error("nothing is ordered: CAA records forbid every name", std::string(hint), "not_ordered");
  if (!give_up_served(run, job, refused))
    throw Error(fmt::format("nothing is ordered: CAA records forbid {}, and what is served now would be lost",
                            join(refused, ", ")),
                std::string(hint), "not_ordered");
  return rest;
}

}  // namespace

std::optional<store::VersionPart> order_certificate(Run& run, CertificateAuthority& ca, const OrderTask& task) {
  if (is_internal(ca.config())) return issue_internally(run, task);
  const Job job{.task = task};
  const std::string& certificate = job.certificate();
  Names names = task.exact_names.empty() ? names_allowed(run, ca, job) : task.exact_names;
  if (task.exact_names.empty() && names != task.planned.ascii_names() && !is_gain(job, names)) return {};
  for (Finding& warning : warn_of_many_issued(run.store.issuances.load(), certificate, names))
    run.report.add_warning(std::move(warning));
  for (int round = 1;; ++round) {
    store::OrderRecord order = prepare_order(run, ca.config(), job, names);
    try {
      store::VersionPart part = make_part(run, order, run_order(run, ca, job, order));
      remember_issuance(run, task, part);
      forget_failures(task.certificate.state, names, task.planned.wanted_names());
      run.store.certificates.save(task.certificate);
      return part;
    } catch (const acme::IssueFailure& failure) {
      run.store.orders.remove(certificate, task.key.further);
      tell_refused(run, job, failure);
      names = names_to_keep(run, job, names, failure);
      if (round == max_rounds) throw;
      if (round > 2) names = names_without_doubt(job, names);
      if (!is_gain(job, names)) return {};
    } catch (const Error& e) {
      // Else the next run would take up the same order, and hear the same.
      if (acme::is_final(e) || e.code() == "bad_certificate") run.store.orders.remove(certificate, task.key.further);
      throw;
    }
  }
}

}  // namespace mxcert::issue
