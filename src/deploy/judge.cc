#include "deploy/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace mxcert::deploy {
namespace {

using ProbeStatus = ProbeResult::Status;
constexpr std::size_t max_kinds_told = 3;

/// Nothing that a certificate could mend.
bool has_no_tls(const ProbeResult& result) {
  return result.status == ProbeStatus::unreachable || result.status == ProbeStatus::timed_out ||
         result.status == ProbeStatus::no_starttls;
}

/// A daemon without certificate makes one up at each start.
bool may_be_made_up(const pki::Certificate& leaf) {
  return leaf.issuer == leaf.subject;
}

/// Empty when `after` shows what `before` did; a certificate that the daemon makes up may be another made-up one.
std::string find_difference(const Observation& before, const Observation& after,
                            const std::set<std::string>& kept_leaves, const Expectation& expectation) {
  if (!before.result.shown()) return {};  // it was no better
  if (!after.result.shown()) return after.result.reason;
  const auto is_new = [&](const pki::Certificate& leaf) {
    return std::ranges::any_of(expectation.chains, [&](const ExpectedChain& expected) {
      return expected.chain.front().sha256_fingerprint == leaf.sha256_fingerprint;
    });
  };
  const pki::Certificate& old_leaf = before.result.chain.front();
  const pki::Certificate& leaf = after.result.chain.front();
  const bool same = leaf.sha256_fingerprint == old_leaf.sha256_fingerprint;
  const bool made_up =
      may_be_made_up(old_leaf) && !kept_leaves.contains(old_leaf.sha256_fingerprint) && !is_new(old_leaf);
  return same || (made_up && !is_new(leaf)) ? std::string() : describe_result(after.result);
}

/// Whether who comes like this is to see what was there before, since another certificate is the default one.
bool is_for_another(const Check& check, const Expectation& expectation) {
  return expectation.role == Role::sni && check.server_name.empty();
}

}  // namespace

std::string find_fault(const Observation& before, const Observation& after, const Expectation& expectation) {
  return is_for_another(after.check, expectation) ? find_difference(before, after, {}, expectation)
                                                  : find_fault(after, expectation);
}

Judgement judge_new(std::span<const Observation> before, std::span<const Observation> after,
                    const Expectation& expectation, bool strict) {
  Judgement judgement;
  std::size_t proofs = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const std::string fault = find_fault(before[i], after[i], expectation);
    if (fault.empty())
      proofs += is_for_another(after[i].check, expectation) ? 0 : 1;
    else if (!strict && has_no_tls(before[i].result) && has_no_tls(after[i].result))
      judgement.warnings.push_back({after[i].check, fault});
    else
      judgement.faults.push_back({after[i].check, fault});
  }
  if (proofs == 0) {
    judgement.faults.insert(judgement.faults.end(), judgement.warnings.begin(), judgement.warnings.end());
    judgement.warnings.clear();
  }
  return judgement;
}

Judgement judge_restored(std::span<const Observation> before, std::span<const Observation> after,
                         const std::set<std::string>& kept_leaves, const Expectation& expectation) {
  Judgement judgement;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const std::string fault = find_difference(before[i], after[i], kept_leaves, expectation);
    if (!fault.empty()) judgement.faults.push_back({after[i].check, fault});
  }
  return judgement;
}

std::vector<LostName> find_lost_names(
    std::span<const Observation> before, const Expectation& expectation, SystemTime now,
    const std::function<bool(const pki::Certificate& served, const std::string& name)>& may_lose) {
  std::vector<LostName> lost;
  if (expectation.role == Role::sni || !may_lose) return lost;
  const pki::Certificate& leaf = expectation.chains.front().chain.front();
  for (const Observation& seen : before) {
    if (!seen.result.shown() || !seen.check.server_name.empty()) continue;
    const pki::Certificate& served = seen.result.chain.front();
    if (may_be_made_up(served) || served.not_after <= now) continue;
    for (const std::string& name : served.names)
      if (!pki::covers(leaf, name) && std::ranges::find(lost, name, &LostName::name) == lost.end() &&
          !may_lose(served, name))
        lost.push_back({name, &seen});
  }
  return lost;
}

const Observation* find_trusted(
    std::span<const Observation> before, const Expectation& expectation,
    const std::function<std::string(std::span<const pki::Certificate> chain)>& find_problem) {
  const auto is_trusted = [&](const Observation& seen) {
    return seen.result.shown() && !is_for_another(seen.check, expectation) && find_problem(seen.result.chain).empty();
  };
  const auto found = std::ranges::find_if(before, is_trusted);
  return found == before.end() ? nullptr : &*found;
}

std::set<std::string> leaves_before(std::span<const FileChange> changes) {
  std::set<std::string> leaves;
  for (const FileChange& change : changes) {
    if (!change.before) continue;
    try {
      for (const pki::Certificate& certificate : pki::parse_certificates(change.before->content))
        leaves.insert(certificate.sha256_fingerprint);
    } catch (const Error&) {  // a key alone, or something the daemon could not read either
    }
  }
  return leaves;
}

bool all_unreachable(std::span<const Observation> observations) {
  return std::ranges::all_of(observations, [](const Observation& observation) {
    return observation.result.status == ProbeStatus::unreachable || observation.result.status == ProbeStatus::timed_out;
  });
}

bool is_broken(std::span<const Observation> before, std::span<const Observation> after) {
  for (std::size_t i = 0; i < after.size(); ++i)
    if (before[i].result.shown() && after[i].result.status == ProbeStatus::handshake_failed) return true;
  return false;
}

bool any_gone(std::span<const Observation> before, std::span<const Observation> after) {
  for (std::size_t i = 0; i < after.size(); ++i)
    if (before[i].result.status != ProbeStatus::unreachable && after[i].result.status == ProbeStatus::unreachable)
      return true;
  return false;
}

std::string summarize(std::span<const Fault> faults) {
  std::vector<std::string> kinds;  // in order of appearance
  std::map<std::string, std::vector<const Check*>> checks;
  for (const Fault& fault : faults) {
    if (!checks.contains(fault.text)) kinds.push_back(fault.text);
    checks[fault.text].push_back(&fault.check);
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(kinds.size(), max_kinds_told); ++i) {
    const auto& same = checks[kinds[i]];
    text += fmt::format("{}{}{} {}", i == 0 ? "" : "; ", to_string(*same.front()),
                        same.size() == 1 ? "" : fmt::format(", and {} more,", same.size() - 1), kinds[i]);
  }
  if (kinds.size() > max_kinds_told) text += fmt::format("; and {} more", kinds.size() - max_kinds_told);
  return text;
}

}  // namespace mxcert::deploy
