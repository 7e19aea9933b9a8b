#include "issue/issuing.h"

#include <algorithm>
#include <exception>
#include <set>

#include "base/error.h"
#include "issue/key_types.h"
#include "issue/renewal.h"
#include "issue/run.h"

namespace mxcert::issue {
namespace {

using Names = std::vector<std::string>;

bool same_names(const Names& a, const Names& b) {
  return std::set(a.begin(), a.end()) == std::set(b.begin(), b.end());
}

bool covers_all(const pki::Certificate& leaf, const Names& names) {
  return std::ranges::all_of(names, [&](const std::string& name) { return pki::covers(leaf, name); });
}

/// The next version in the making.
class Issuing {
 public:
  Issuing(Run& run, std::span<CertificateAuthority> cas, const mx::PlannedCertificate& planned,
          store::Certificate& certificate)
      : run_(run),
        cas_(cas),
        planned_(planned),
        certificate_(certificate),
        keys_(wanted_keys(run.config.key_types, certificate.live.intact())),
        names_(planned.ascii_names()),
        all_are_needed_(std::ranges::none_of(keys_, [this](const WantedKey& key) { return is_needed(key); })) {}

  std::string make() {
    for (const WantedKey& key : keys_) {
      if (failure_ && !may_be_about_key_) break;
      settle(key);
    }
    if (ordered_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return {};
    }
    tell_failure();
    return store();
  }

 private:
  /// What the version gets of this kind of key.
  void settle(const WantedKey& key) {
    std::optional<store::VersionPart> part;
    if (needs_order(key))
      part = order(key);
    else
      forget_finished_order(key);
    if (part) {
      ordered_.push_back(key.further);
    } else if (key.live && is_usable(*key.live)) {
      part = key.live;
    }
    if (!part) return;
    if (parts_.empty()) names_ = shared_names(part->leaf);
    parts_.push_back(*std::move(part));
  }

  /// All certificates of a version hold these: what the first one has of the plan's names.
  Names shared_names(const pki::Certificate& first) const {
    Names names;
    std::ranges::copy_if(planned_.ascii_names(), std::back_inserter(names),
                         [&](const std::string& name) { return pki::covers(first, name); });
    return names;
  }

  bool needs_order(const WantedKey& key) const {
    if (all_are_needed_ || is_needed(key)) return true;
    const pki::Certificate& leaf = key.live->leaf;
    if (planned_.action == mx::Action::renew && is_half_over(leaf)) return true;
    // With what is ordered now it has to share its names.
    return std::ranges::any_of(keys_, [this](const WantedKey& other) { return is_due(other); }) &&
           !same_names(leaf.names, names_);
  }

  bool is_needed(const WantedKey& key) const { return is_due(key) || !covers_all(key.live->leaf, names_); }

  /// There is none, or it has to be replaced whatever the others are.
  bool is_due(const WantedKey& key) const {
    if (!key.live || certificate_.state.find_revocation(certificate_.live.number()) != nullptr) return true;
    const std::string& directory = key.live->record.directory;
    if (!directory.empty() && find_ca(run_.config.ca, directory) == nullptr) return true;
    return run_.clock.now() > due_time(certificate_.state, key.live->leaf, run_.config.renew).at;
  }

  /// Half of the time until it is due: renewed with the other certificate, so that they are due together again.
  bool is_half_over(const pki::Certificate& leaf) const {
    const SystemTime due = due_time(certificate_.state, leaf, run_.config.renew).at;
    return run_.clock.now() > leaf.not_before + (due - leaf.not_before) / 2;
  }

  /// One that outlived its certificate (a run was killed in between) must not be taken up for the next one.
  void forget_finished_order(const WantedKey& key) {
    if (run_.store.orders.find(planned_.name, key.further)) run_.store.orders.remove(planned_.name, key.further);
  }

  /// Whether it can be in the same version as what there is already.
  bool is_usable(const store::VersionPart& part) const {
    return covers_all(part.leaf, names_) && run_.clock.now() < part.leaf.not_after;
  }

  std::optional<store::VersionPart> order(const WantedKey& key) {
    const OrderTask task{
        .planned = planned_, .certificate = certificate_, .key = key, .exact_names = parts_.empty() ? Names{} : names_};
    try {
      return order_somewhere(run_, cas_, task);
    } catch (Error& error) {
      if (keys_.size() > 1) error.add_context(std::string(pki::to_string(key.type)));
      tell_failure();
      failure_ = std::current_exception();
      may_be_about_key_ = classify(error) == CaFailure::refusal;
      return std::nullopt;
    }
  }

  /// What would be thrown if nothing had been gained.
  void tell_failure() {
    if (!failure_) return;
    try {
      std::rethrow_exception(failure_);
    } catch (Error& error) {
      error.add_context(planned_.name);
      run_.report.add_error(error, planned_.name);
    }
    failure_ = nullptr;
  }

  std::string store() {
    const store::VersionPart& primary = parts_.front();
    std::string number =
        run_.store.certificates.put(certificate_, primary.bundle, primary.record, std::span(parts_).subspan(1));
    run_.store.certificates.make_live(certificate_, number);
    for (const store::Orders::FurtherKey& further : ordered_)
      run_.store.orders.remove(planned_.name, further);
    return number;
  }

  Run& run_;
  std::span<CertificateAuthority> cas_;
  const mx::PlannedCertificate& planned_;
  store::Certificate& certificate_;
  const std::vector<WantedKey> keys_;
  Names names_;                // to order, and once there is a part: of all parts
  const bool all_are_needed_;  // the plan has a reason that is none of a single one
  std::vector<store::VersionPart> parts_;
  std::vector<store::Orders::FurtherKey> ordered_;
  std::exception_ptr failure_;
  bool may_be_about_key_ = false;  // then the other key may do better
};

}  // namespace

std::string issue_version(Run& run, std::span<CertificateAuthority> cas, const mx::PlannedCertificate& planned,
                          store::Certificate& certificate) {
  return Issuing(run, cas, planned, certificate).make();
}

}  // namespace mxcert::issue
