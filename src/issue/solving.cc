#include "issue/solving.h"

#include <fmt/format.h>

#include <algorithm>

#include "dns/unbound_resolver.h"
#include "issue/resolver_options.h"
#include "issue/run.h"

namespace mxcert::issue {
namespace {

/// `/var/www/html/.well-known/acme-challenge/TOKEN`, `_acme-challenge.example.com "TEXT"`.
std::string describe(const store::ChallengeTrace& trace) {
  return fmt::format("{} {}", trace.where, trace.value);
}

/// What is to be remembered for the next run; what is still there is a warning each.
std::vector<store::ChallengeTrace> remove_all(Run& run, const std::string& certificate, solve::Traces traces) {
  std::vector<store::ChallengeTrace> remembered;
  const auto method_for = [&](const std::string& name) { return run.config.challenge.method_for(name); };
  for (const solve::LeftTrace& left : solve::remove_traces(run.clock, traces, method_for)) {
    run.report.add_warning(
        {.code = "challenge_left",
         .subject = certificate,
         .message = fmt::format("what met a challenge is left behind ({}): {}", describe(left.trace), left.why),
         .hint = left.hopeless ? "remove it by hand" : "the next run tries to remove it again"});
    if (!left.hopeless) remembered.push_back(left.trace);
  }
  return remembered;
}

/// `run` outlives it.
solve::Surroundings surroundings_of(Run& run) {
  const auto make_resolver = [&run]() -> std::unique_ptr<dns::Resolver> {
    return std::make_unique<dns::UnboundResolver>(run.clock, resolver_options(run.config));
  };
  return {.clock = run.clock, .make_resolver = make_resolver, .warn = [&run](Finding finding) {
            run.report.add_warning(std::move(finding));
          }};
}

}  // namespace

Solving::Solving(Run& run, std::string certificate, const std::vector<std::string>& names)
    : run_(run), certificate_(std::move(certificate)) {
  for (const std::string& name : names) {
    const solve::ChallengeMethod& method = method_for(name);
    if (std::ranges::find(parts_, method, &Part::method) == parts_.end())
      parts_.push_back({method, solve::make_challenge_part(surroundings_of(run_), method)});
  }
  solver_ = {
      .challenge_type = [this](const std::string& name) { return std::string(to_string(method_for(name).type)); },
      .present = [this](std::span<const acme::ChallengeToSolve> challenges) { present(challenges); },
      .clean_up = [this] { clean_up(); }};
  if (std::ranges::all_of(parts_, [](const Part& part) { return static_cast<bool>(part.part.wait_until_validated); }))
    solver_.wait_until_validated = [this](std::chrono::milliseconds timeout) { return wait_until_validated(timeout); };
}

const solve::ChallengeMethod& Solving::method_for(const std::string& name) const {
  return run_.config.challenge.method_for(name);
}

std::vector<solve::Challenge> Solving::challenges_of(const Part& part,
                                                     std::span<const acme::ChallengeToSolve> challenges) const {
  std::vector<solve::Challenge> found;
  for (const acme::ChallengeToSolve& challenge : challenges) {
    solve::Challenge own{.name = challenge.name,
                         .wildcard = challenge.wildcard,
                         .token = challenge.token,
                         .key_authorization = challenge.key_authorization};
    if (method_for(own.ordered_name()) == part.method) found.push_back(std::move(own));
  }
  return found;
}

void Solving::present(std::span<const acme::ChallengeToSolve> challenges) {
  const auto remembered = run_.store.orders.find_traces();
  const auto earlier = remembered.find(certificate_);
  auto traces = earlier == remembered.end() ? std::vector<store::ChallengeTrace>{} : earlier->second;
  for (const Part& part : parts_)
    if (part.part.traces)
      std::ranges::copy(part.part.traces(challenges_of(part, challenges)), std::back_inserter(traces));
  if (!traces.empty()) run_.store.orders.save_traces(certificate_, traces);
  for (const Part& part : parts_)
    part.part.present(challenges_of(part, challenges));
}

bool Solving::wait_until_validated(std::chrono::milliseconds timeout) {
  const Deadline deadline = Deadline::after(run_.clock, timeout);
  return std::ranges::all_of(
      parts_, [&](const Part& part) { return part.part.wait_until_validated(deadline.left(run_.clock)); });
}

void Solving::clean_up() {
  for (const Part& part : parts_)
    if (part.part.stop_answering) part.part.stop_answering();
  const auto remembered = run_.store.orders.find_traces();
  if (const auto traces = remembered.find(certificate_); traces != remembered.end())
    run_.store.orders.save_traces(certificate_, remove_all(run_, certificate_, traces->second));
}

void clean_up_earlier_challenges(Run& run) {
  for (const auto& [certificate, traces] : run.store.orders.find_traces())
    run.store.orders.save_traces(certificate, remove_all(run, certificate, traces));
}

}  // namespace mxcert::issue
