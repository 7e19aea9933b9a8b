#include "acme/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"

namespace mxcert::acme {
namespace {

using std::chrono::milliseconds;
using Culprits = std::vector<IssueFailure::Culprit>;

constexpr milliseconds longest_pause{5'000};
constexpr std::chrono::seconds longest_sane_retry_after{300};
/// How long the CA is given to look at every challenge before the order is looked at anyway.
constexpr milliseconds validation_patience{2'000};
/// How long an order may be pending before its challenges are looked at again.
constexpr milliseconds patience_with_challenges{8'000};
constexpr milliseconds give_back_timeout{10'000};

/// What goes wrong there stops nothing.
void clean_up(const Solver& solver) {
  if (!solver.clean_up) return;
  try {
    solver.clean_up();
  } catch (const std::exception& error) {
    log::warning(fmt::format("cleaning up after the challenges: {}", error.what()));
  }
}

void report(const IssueRequest& request, Progress::Step step, std::size_t done) {
  if (request.on_progress) request.on_progress({.step = step, .done = done, .total = request.names.size()});
}

bool was_asked_for(const IssueRequest& request, std::string_view name) {
  return std::ranges::find(request.names, name) != request.names.end();
}

/// `mx1.example.com: <why>; mx2.example.com: <why>`.
std::string describe(const Culprits& culprits) {
  constexpr std::size_t max_shown = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(culprits.size(), max_shown); ++i)
    text += fmt::format("{}{}: {}", i == 0 ? "" : "; ", culprits[i].name, acme::describe(culprits[i].problem));
  if (culprits.size() > max_shown) text += fmt::format("; and {} more", culprits.size() - max_shown);
  return text;
}

[[noreturn]] void throw_issue_failure(const IssueRequest& request, Culprits culprits) {
  std::string message = fmt::format("{} of {} not validated: {}", culprits.size(),
                                    count_of(request.names.size(), "name"), describe(culprits));
  std::string hint = hint_for_validation(culprits.front().problem);
  throw IssueFailure(std::move(message), std::move(hint), std::move(culprits));
}

/// A CA that wants something else proven than what was asked for is not obeyed.
void check_names(const IssueRequest& request, std::span<const Authorization> authorizations) {
  for (const Authorization& authorization : authorizations)
    if (authorization.identifier.type != "dns" || !was_asked_for(request, authorization.name()))
      throw Error(fmt::format("the CA wants control of {} shown, which is not one of the names ordered",
                              printable(authorization.name(), 300)),
                  "do not trust this CA", "bad_answer");
}

/// The challenge that `solver` takes for it.
const Challenge* find_challenge(const Authorization& authorization, const Solver& solver) {
  return authorization.find_challenge(solver.challenge_type(authorization.name()));
}

/// Why `authorization` can never become valid with this solver; empty when it can.
std::optional<ProblemDocument> find_obstacle(const Authorization& authorization, const Solver& solver) {
  if (authorization.status != Authorization::Status::pending) {
    for (const Challenge& challenge : authorization.challenges)
      if (challenge.error) return challenge.error;
    return ProblemDocument{.detail = fmt::format("its authorization is {}", to_string(authorization.status))};
  }
  if (find_challenge(authorization, solver) != nullptr) return std::nullopt;
  std::vector<std::string> offered = authorization.ignored_challenge_types;
  for (const Challenge& challenge : authorization.challenges)
    offered.push_back(challenge.type);
  return ProblemDocument{.detail = fmt::format("the CA offers no {} challenge, only {}",
                                               solver.challenge_type(authorization.name()),
                                               offered.empty() ? "none at all" : join(offered, ", "))};
}

void give_back(Client& client, Clock& clock, std::span<const Authorization> authorizations) {
  std::vector<std::string> urls;
  for (const Authorization& authorization : authorizations)
    if (authorization.status == Authorization::Status::pending) urls.push_back(authorization.url);
  if (urls.empty()) return;
  try {
    client.deactivate_authorizations(urls, Deadline::after(clock, give_back_timeout));
  } catch (const Error& error) {
    log::debug(fmt::format("giving back pending authorizations: {}", error.message()));
  }
}

/// The authorizations that need the solver; throws IssueFailure when some never can be valid.
std::vector<Authorization> select_open(Client& client, Clock& clock, const Solver& solver, const IssueRequest& request,
                                       std::vector<Authorization> authorizations) {
  std::vector<Authorization> open;
  Culprits culprits;
  for (Authorization& authorization : authorizations) {
    if (authorization.status == Authorization::Status::valid) continue;
    if (auto obstacle = find_obstacle(authorization, solver))
      culprits.push_back({.name = authorization.name(), .problem = *std::move(obstacle)});
    open.push_back(std::move(authorization));
  }
  if (!culprits.empty()) {
    give_back(client, clock, open);
    throw_issue_failure(request, std::move(culprits));
  }
  return open;
}

void present(const Client& client, const Solver& solver, std::span<const Authorization> open) {
  std::vector<ChallengeToSolve> challenges;
  for (const Authorization& authorization : open) {
    const Challenge& challenge = *find_challenge(authorization, solver);
    challenges.push_back({.name = authorization.identifier.value,
                          .type = challenge.type,
                          .token = challenge.token,
                          .key_authorization = challenge.token.empty()
                                                   ? std::string()
                                                   : key_authorization(challenge.token, client.account_key()),
                          .wildcard = authorization.wildcard});
  }
  solver.present(challenges);
}

/// A refusal is only noted: the CA may have been told before, and the order shows how it went.
void trigger(Client& client, const Solver& solver, const IssueRequest& request, std::span<const Authorization> open) {
  std::vector<std::string> urls;
  for (const Authorization& authorization : open) {
    const Challenge& challenge = *find_challenge(authorization, solver);
    if (challenge.status == Challenge::Status::pending) urls.push_back(challenge.url);
  }
  for (const auto& refusal : client.trigger_challenges(urls, request.deadline))
    if (refusal) log::debug(refusal->message());
}

Culprits find_given_up(std::span<const Authorization> authorizations) {
  Culprits culprits;
  for (const Authorization& authorization : authorizations) {
    if (authorization.status != Authorization::Status::pending) continue;
    const auto failed = std::ranges::find_if(authorization.challenges, [](const Challenge& challenge) {
      return challenge.status == Challenge::Status::pending && challenge.error;
    });
    if (failed != authorization.challenges.end())
      culprits.push_back({.name = authorization.name(), .problem = *failed->error});
  }
  return culprits;
}

/// RFC 8555 §8.2: a CA may let a challenge that failed be pending again, with the error, until it is asked to look once
/// more. Nothing of it shows in the order, so the authorizations are looked at as well, more and more seldom. Throws
/// IssueFailure for the names that the CA does not look at any more.
class GivenUp {
 public:
  GivenUp(Client& client, Clock& clock, const IssueRequest& request, const Order& order)
      : client_(client), clock_(clock), request_(request), order_(order) {}

  void look() {
    if (clock_.steady_now() < next_) return;
    pause_ *= 2;
    next_ = clock_.steady_now() + pause_;
    const auto authorizations = client_.fetch_authorizations(order_.authorizations, request_.deadline);
    Culprits culprits = find_given_up(authorizations);
    if (culprits.empty()) return;
    give_back(client_, clock_, authorizations);
    throw_issue_failure(request_, std::move(culprits));
  }

 private:
  Client& client_;
  Clock& clock_;
  const IssueRequest& request_;
  const Order& order_;
  milliseconds pause_ = patience_with_challenges;
  SteadyTime next_ = clock_.steady_now() + pause_;
};

/// Looks at the order when the CA has looked at every challenge, or from time to time when that cannot be seen.
Order await_validation(Client& client, Clock& clock, const Solver& solver, const IssueRequest& request,
                       const Order& order) {
  const bool can_tell = static_cast<bool>(solver.wait_until_validated);
  bool all_seen = false;
  Pauses pauses(can_tell ? milliseconds{1'000} : milliseconds{500});
  milliseconds pause = can_tell ? validation_patience : pauses.next({});
  GivenUp given_up(client, clock, request, order);
  for (;;) {
    pause = std::min(pause, request.deadline.left(clock));
    if (!can_tell || all_seen) {
      clock.sleep_for(pause);
    } else if (solver.wait_until_validated(pause)) {
      all_seen = true;
      pauses = Pauses();
      report(request, Progress::Step::validated, request.names.size());
    }
    throw_if_late(clock, request, order);
    OrderUpdate update = client.fetch_order(order.url, request.deadline);
    if (update.order.status != Order::Status::pending) return std::move(update.order);
    given_up.look();
    pause = pauses.next(update.retry_after);
  }
}

Culprits find_culprits(std::span<const Authorization> authorizations, const IssueRequest& request) {
  Culprits culprits;
  for (const Authorization& authorization : authorizations) {
    if (authorization.status != Authorization::Status::invalid || !was_asked_for(request, authorization.name()))
      continue;
    ProblemDocument problem{.detail = "no reason given"};
    for (const Challenge& challenge : authorization.challenges)
      if (challenge.error) problem = *challenge.error;
    culprits.push_back({.name = authorization.name(), .problem = std::move(problem)});
  }
  return culprits;
}

/// Boulder has no subproblems when it refuses a single one of the names: it quotes it in the text.
Culprits find_quoted_culprit(const ProblemDocument& problem, const IssueRequest& request) {
  if (!problem.is("rejectedIdentifier")) return {};
  Culprits culprits;
  for (const std::string& name : request.names)
    if (problem.detail.find('"' + name + '"') != std::string::npos)
      culprits.push_back({.name = name, .problem = {.type = problem.type, .detail = problem.detail}});
  return culprits;
}

}  // namespace

milliseconds Pauses::next(std::optional<std::chrono::seconds> retry_after) {
  const milliseconds own = next_;
  next_ = std::min(next_ * 2, longest_pause);
  if (quick_looks_left_ > 0 && own < std::chrono::seconds{1}) {
    --quick_looks_left_;
    return own;
  }
  if (retry_after && *retry_after <= longest_sane_retry_after) return std::max<milliseconds>(own, *retry_after);
  return own;
}

void throw_if_late(Clock& clock, const IssueRequest& request, const Order& order) {
  if (!request.deadline.passed(clock)) return;
  throw Error(fmt::format("the CA has not finished in time: the order is still {}", to_string(order.status)),
              "run the same command again later: it continues the same order", "order_unfinished");
}

Order validate(Client& client, Clock& clock, const Solver& solver, const IssueRequest& request, const Order& order) {
  std::vector<Authorization> authorizations = client.fetch_authorizations(order.authorizations, request.deadline);
  check_names(request, authorizations);
  const std::size_t total = authorizations.size();
  const std::vector<Authorization> open = select_open(client, clock, solver, request, std::move(authorizations));
  report(request, Progress::Step::authorized, total - open.size());
  if (open.empty()) return await_validation(client, clock, Solver{}, request, order);
  Order validated;
  try {
    present(client, solver, open);
    trigger(client, solver, request, open);
    report(request, Progress::Step::validating, 0);
    validated = await_validation(client, clock, solver, request, order);
  } catch (...) {
    clean_up(solver);
    throw;
  }
  clean_up(solver);
  return validated;
}

void throw_if_names_blamed(const ProblemDocument& problem, const IssueRequest& request) {
  Culprits culprits;
  for (const auto& subproblem : problem.subproblems) {
    if (!subproblem.identifier || !was_asked_for(request, subproblem.identifier->value)) continue;
    culprits.push_back({.name = subproblem.identifier->value,
                        .problem = {.type = subproblem.type, .detail = subproblem.detail, .status = problem.status}});
  }
  if (culprits.empty()) culprits = find_quoted_culprit(problem, request);
  if (!culprits.empty()) throw_issue_failure(request, std::move(culprits));
}

void throw_failure(Client& client, Clock& clock, const IssueRequest& request, const Order& order) {
  const std::vector<Authorization> authorizations =
      client.fetch_authorizations(order.authorizations, Deadline::after(clock, give_back_timeout));
  give_back(client, clock, authorizations);
  Culprits culprits = find_culprits(authorizations, request);
  if (!culprits.empty()) throw_issue_failure(request, std::move(culprits));
  if (order.error) throw_if_names_blamed(*order.error, request);
  throw Problem(order.error.value_or(ProblemDocument{.detail = "the order is invalid"}));
}

}  // namespace mxcert::acme
