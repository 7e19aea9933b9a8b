#include "deploy/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace mxcert::deploy {
namespace {

using Status = ProbeResult::Status;
constexpr std::size_t max_kinds_told = 3;

/// Nothing that a certificate could mend.
bool has_no_tls(const ProbeResult& result) {
  return result.status == Status::unreachable || result.status == Status::timed_out ||
         result.status == Status::no_starttls;
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
                         const std::set<std::string>& kept_leaves, const pki::Certificate& new_leaf) {
  Judgement judgement;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const std::string fault = fault_after_undoing(before[i], after[i], kept_leaves, new_leaf);
    if (!fault.empty()) judgement.faults.push_back({after[i].check, fault});
  }
  return judgement;
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
    return observation.result.status == Status::unreachable || observation.result.status == Status::timed_out;
  });
}

bool is_broken(std::span<const Observation> before, std::span<const Observation> after) {
  for (std::size_t i = 0; i < after.size(); ++i)
    if (before[i].result.shown() && after[i].result.status == Status::handshake_failed) return true;
  return false;
}

bool any_gone(std::span<const Observation> before, std::span<const Observation> after) {
  for (std::size_t i = 0; i < after.size(); ++i)
    if (before[i].result.status != Status::unreachable && after[i].result.status == Status::unreachable) return true;
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
