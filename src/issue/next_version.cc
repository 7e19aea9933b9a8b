#include "issue/next_version.h"

#include <algorithm>
#include <exception>
#include <iterator>

#include "base/error.h"
#include "issue/key_types.h"
#include "issue/run.h"

namespace mxcert::issue {
namespace {

bool covers_all(const pki::Certificate& leaf, const std::vector<dns::DnsName>& names) {
  return std::ranges::all_of(names, [&](const dns::DnsName& name) { return pki::covers(leaf, name.ascii()); });
}

std::vector<std::string> to_ascii(const std::vector<dns::DnsName>& names) {
  std::vector<std::string> texts;
  std::ranges::transform(names, std::back_inserter(texts), &dns::DnsName::ascii);
  return texts;
}

/// The next version in the making.
class NextVersion {
 public:
  NextVersion(Run& run, std::span<CertificateAuthority> cas, const mx::PlannedCertificate& planned,
              store::Certificate& certificate)
      : run_(run),
        cas_(cas),
        planned_(planned),
        certificate_(certificate),
        keys_(wanted_keys(run.config.key_types, certificate.live.intact())),
        names_(planned.names),
        needs_(planned.needs) {}

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
    if (is_needed(key))
      part = order(key);
    else
      forget_finished_order(key);
    if (part) {
      ordered_.push_back(key.further);
    } else if (key.live && is_usable(*key.live)) {
      part = key.live;
    }
    if (!part) return;
    if (parts_.empty()) share_names(part->leaf);
    parts_.push_back(*std::move(part));
  }

  /// All certificates of a version hold what the first one has of the plan's names: what that asks of the others.
  void share_names(const pki::Certificate& first) {
    std::erase_if(names_, [&](const dns::DnsName& name) { return !pki::covers(first, name.ascii()); });
    needs_ = mx::find_needs(planned_.situation, names_);
  }

  bool is_needed(const WantedKey& key) const {
    return std::ranges::find(needs_, key.family, &mx::Need::family) != needs_.end();
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
    const OrderTask task{.planned = planned_,
                         .certificate = certificate_,
                         .key = key,
                         .exact_names = parts_.empty() ? std::vector<std::string>{} : to_ascii(names_)};
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
    attempt(run_.report, planned_.name, [this] { std::rethrow_exception(failure_); });
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
  std::vector<dns::DnsName> names_;  // to order, and once there is a part: of all parts
  std::vector<mx::Need> needs_;      // what has to be ordered for these
  std::vector<store::VersionPart> parts_;
  std::vector<store::Orders::FurtherKey> ordered_;
  std::exception_ptr failure_;
  bool may_be_about_key_ = false;  // then the other key may do better
};

}  // namespace

std::string make_next_version(Run& run, std::span<CertificateAuthority> cas, const mx::PlannedCertificate& planned,
                              store::Certificate& certificate) {
  return NextVersion(run, cas, planned, certificate).make();
}

}  // namespace mxcert::issue
