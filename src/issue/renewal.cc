#include "issue/renewal.h"

#include <algorithm>
#include <charconv>

namespace mxcert::issue {

SystemTime point_in_window(const store::RenewalWindow& window, std::string_view fingerprint) {
  constexpr std::size_t digits = 8;
  std::uint32_t number = 0;
  const std::string_view head = fingerprint.substr(0, digits);
  std::from_chars(head.data(), head.data() + head.size(), number, 16);
  const double fraction = number / 4294967296.0;
  const auto length = std::chrono::duration_cast<std::chrono::seconds>(window.end - window.start);
  return window.start + std::chrono::seconds{static_cast<std::int64_t>(static_cast<double>(length.count()) * fraction)};
}

SystemTime last_moment(const pki::Certificate& leaf) {
  return leaf.not_after - leaf.lifetime() / 10;
}

SystemTime last_moment(const store::Version& version) {
  SystemTime first = last_moment(version.leaf);
  for (const store::VersionPart& part : version.further)
    first = std::min(first, last_moment(part.leaf));
  return first;
}

SystemTime end_of(const store::Version& version) {
  SystemTime first = version.leaf.not_after;
  for (const store::VersionPart& part : version.further)
    first = std::min(first, part.leaf.not_after);
  return first;
}

const store::RenewalWindow* find_window(const pki::Certificate& leaf, const store::RenewalInfo* info) {
  if (info == nullptr || !info->window || leaf.renewal_id.empty() || info->certificate != leaf.renewal_id)
    return nullptr;
  return &*info->window;
}

DueTime due_time(const pki::Certificate& leaf, const store::RenewalInfo* info, const config::RenewConfig& renew) {
  const store::RenewalWindow* window = find_window(leaf, info);
  if (window == nullptr) return {leaf.not_after - renew.time_before_end(leaf.lifetime()), DueTime::Reason::lifetime};
  const SystemTime chosen = point_in_window(*window, leaf.sha256_fingerprint);
  if (chosen > last_moment(leaf)) return {last_moment(leaf), DueTime::Reason::last_moment};
  return {chosen, DueTime::Reason::renewal_window};
}

DueTime due_time(const store::CertificateState& state, const pki::Certificate& leaf, const config::RenewConfig& renew) {
  return due_time(leaf, state.find_renewal_info(leaf.renewal_id), renew);
}

DueTime due_time(const store::CertificateState& state, const store::Version& version,
                 const config::RenewConfig& renew) {
  DueTime first = due_time(state, version.leaf, renew);
  for (const store::VersionPart& part : version.further)
    if (const DueTime due = due_time(state, part.leaf, renew); due.at < first.at) first = due;
  return first;
}

}  // namespace mxcert::issue
