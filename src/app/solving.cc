#include "app/solving.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/context.h"

namespace mxcert::app {
namespace {

/// `/var/www/html/.well-known/acme-challenge/TOKEN`, `_acme-challenge.example.com "TEXT"`.
std::string describe(const store::ChallengeTrace& trace) {
  return fmt::format("{} {}", trace.where, trace.value);
}

/// What is to be remembered for the next run; what is still there is a warning each.
std::vector<store::ChallengeTrace> remove_all(Context& context, const std::string& certificate, Traces traces) {
  std::vector<store::ChallengeTrace> remembered;
  for (const LeftTrace& left : remove_traces(context, traces)) {
    context.report.add_warning(
        {.code = "challenge_left",
         .subject = certificate,
         .message = fmt::format("what met a challenge is left behind ({}): {}", describe(left.trace), left.why),
         .hint = left.hopeless ? "remove it by hand" : "the next run tries to remove it again"});
    if (!left.hopeless) remembered.push_back(left.trace);
  }
  return remembered;
}

}  // namespace

Solving::Solving(Context& context, std::string certificate, const std::vector<std::string>& names)
    : context_(context), certificate_(std::move(certificate)) {
  for (const std::string& name : names) {
    const config::ChallengeMethod& method = method_for(name);
    if (std::ranges::find(parts_, method, &Part::method) == parts_.end())
      parts_.push_back({method, make_challenge_part(context_, method)});
  }
  solver_ = {
      .challenge_type = [this](const std::string& name) { return std::string(to_string(method_for(name).type)); },
      .present = [this](Challenges challenges) { present(challenges); },
      .clean_up = [this] { clean_up(); }};
  if (std::ranges::all_of(parts_, [](const Part& part) { return static_cast<bool>(part.part.wait_until_validated); }))
    solver_.wait_until_validated = [this](std::chrono::milliseconds timeout) { return wait_until_validated(timeout); };
}

const config::ChallengeMethod& Solving::method_for(const std::string& name) const {
  return context_.config.challenge.method_for(name);
}

std::vector<acme::ChallengeToSolve> Solving::challenges_of(const Part& part, Challenges challenges) const {
  std::vector<acme::ChallengeToSolve> found;
  std::ranges::copy_if(challenges, std::back_inserter(found), [&](const acme::ChallengeToSolve& challenge) {
    return method_for(ordered_name(challenge)) == part.method;
  });
  return found;
}

void Solving::present(Challenges challenges) {
  const auto remembered = context_.orders.find_traces();
  const auto earlier = remembered.find(certificate_);
  auto traces = earlier == remembered.end() ? std::vector<store::ChallengeTrace>{} : earlier->second;
  for (const Part& part : parts_)
    if (part.part.traces)
      std::ranges::copy(part.part.traces(challenges_of(part, challenges)), std::back_inserter(traces));
  if (!traces.empty()) context_.orders.save_traces(certificate_, traces);
  for (const Part& part : parts_)
    part.part.present(challenges_of(part, challenges));
}

bool Solving::wait_until_validated(std::chrono::milliseconds timeout) {
  const Deadline deadline = Deadline::after(context_.clock, timeout);
  return std::ranges::all_of(
      parts_, [&](const Part& part) { return part.part.wait_until_validated(deadline.left(context_.clock)); });
}

void Solving::clean_up() {
  for (const Part& part : parts_)
    if (part.part.stop_answering) part.part.stop_answering();
  const auto remembered = context_.orders.find_traces();
  if (const auto traces = remembered.find(certificate_); traces != remembered.end())
    context_.orders.save_traces(certificate_, remove_all(context_, certificate_, traces->second));
}

void clean_up_earlier_challenges(Context& context) {
  for (const auto& [certificate, traces] : context.orders.find_traces())
    context.orders.save_traces(certificate, remove_all(context, certificate, traces));
}

}  // namespace mxcert::app
