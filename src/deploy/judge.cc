#include "deploy/judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace mxcert::deploy {
namespace {

using Status = ProbeResult::Status;
constexpr std::size_t max_faults_told = 3;

/// Nothing that a certificate could mend.
bool has_no_tls(const ProbeResult& result) {
  return result.status == Status::unreachable || result.status == Status::timed_out ||
         result.status == Status::no_starttls;
}

std::string told(const Observation& observation, const std::string& fault) {
  return fmt::format("{} {}", to_string(observation.check), fault);
}

std::string fault_after_undoing(const Observation& before, const Observation& after,
                                const std::set<std::string>& kept_leaves, const pki::Certificate& new_leaf) {
  if (!before.result.shown()) return {};  // it was no better
  if (!after.result.shown()) return after.result.reason;
  const std::string& old_leaf = before.result.chain.front().sha256_fingerprint;
  const std::string& leaf = after.result.chain.front().sha256_fingerprint;
  const bool good = kept_leaves.contains(old_leaf) || old_leaf == new_leaf.sha256_fingerprint
                        ? leaf == old_leaf
                        : leaf != new_leaf.sha256_fingerprint;
  return good ? std::string() : describe_result(after.result);
}

}  // namespace

Judgement judge_new(std::span<const Observation> before, std::span<const Observation> after,
                    std::span<const pki::Certificate> chain, bool strict) {
  Judgement judgement;
  std::size_t proofs = 0;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const std::string fault = find_fault(after[i], chain);
    if (fault.empty())
      ++proofs;
    else if (!strict && has_no_tls(before[i].result) && has_no_tls(after[i].result))
      judgement.warnings.push_back(told(after[i], fault));
    else
      judgement.faults.push_back(told(after[i], fault));
  }
  if (proofs == 0) {
    judgement.faults.insert(judgement.faults.end(), judgement.warnings.begin(), judgement.warnings.end());
    judgement.warnings.clear();
  }
  return judgement;
}

Judgement judge_restored(std::span<const Observation> before, std::span<const Observation> after,
                         const std::set<std::string>& kept_leaves, const pki::Certificate& new_leaf) {
  Judgement judgement;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const std::string fault = fault_after_undoing(before[i], after[i], kept_leaves, new_leaf);
    if (!fault.empty()) judgement.faults.push_back(told(after[i], fault));
  }
  return judgement;
}

std::set<std::string> leaves_before(std::span<const FileChange> changes) {
  std::set<std::string> leaves;
  for (const FileChange& change : changes) {
    if (!change.before) continue;
    try {
      leaves.insert(pki::parse_certificates(change.before->content).front().sha256_fingerprint);
    } catch (const Error&) {  // a key alone, or something the daemon could not read either
    }
  }
  return leaves;
}

bool all_unreachable(std::span<const Observation> observations) {
  return std::ranges::all_of(observations, [](const Observation& observation) {
    return observation.result.status == Status::unreachable || observation.result.status == Status::timed_out;
  });
}

std::string summarize(std::span<const std::string> faults) {
  const std::size_t told_count = std::min(faults.size(), max_faults_told);
  std::string text = join(faults.first(told_count), "; ");
  if (faults.size() > told_count) text += fmt::format("; and {} more", faults.size() - told_count);
  return text;
}

}  // namespace mxcert::deploy
