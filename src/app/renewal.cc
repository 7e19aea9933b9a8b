#include "app/renewal.h"

#include <algorithm>
#include <charconv>

#include "app/context.h"

namespace mxcert::app {

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

const store::RenewalWindow* find_window(const pki::Certificate& leaf, const std::optional<store::RenewalInfo>& info) {
  if (!info || !info->window || leaf.renewal_id.empty() || info->certificate != leaf.renewal_id) return nullptr;
  return &*info->window;
}

DueTime due_time(const pki::Certificate& leaf, const std::optional<store::RenewalInfo>& info,
                 const RenewConfig& renew) {
  const store::RenewalWindow* window = find_window(leaf, info);
  if (window == nullptr) return {leaf.not_after - renew.time_before_end(leaf.lifetime()), DueTime::Reason::lifetime};
  const SystemTime chosen = point_in_window(*window, leaf.sha256_fingerprint);
  if (chosen > last_moment(leaf)) return {last_moment(leaf), DueTime::Reason::last_moment};
  return {chosen, DueTime::Reason::renewal_window};
}

DueTime due_time(const Context& context, const std::string& certificate, const store::Version& version) {
  return due_time(version.leaf, context.certificates.load_state(certificate).renewal_info, context.config.renew);
}

}  // namespace mxcert::app
