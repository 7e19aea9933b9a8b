#include "store/issuances.h"

#include <algorithm>

#include "store/json.h"

namespace mxcert::store {
namespace {
constexpr std::chrono::days remembered{7};
constexpr std::size_t max_bytes = 2 << 20;

std::size_t size_in_bytes(const Issuance& issuance) {
  constexpr std::size_t around = 16;
  std::size_t bytes = issuance.certificate.size() + issuance.directory.size() + 16 * around;
  for (const std::string& name : issuance.names)
    bytes += name.size() + around;
  return bytes;
}

/// Of those within the time, oldest first, the newest for which there is room.
void forget_old(std::vector<Issuance>& issuances, SystemTime now) {
  std::erase_if(issuances, [&](const Issuance& one) { return one.at < now - remembered || one.at > now; });
  std::size_t bytes = 0;
  auto oldest = issuances.end();
  while (oldest != issuances.begin() && (bytes += size_in_bytes(*std::prev(oldest))) <= max_bytes)
    --oldest;
  issuances.erase(issuances.begin(), oldest);
}

}  // namespace

std::vector<Issuance> Issuances::load() const {
  std::vector<Issuance> issuances;
  const auto document = load_json(directory_.issuances());
  if (!document) return issuances;
  const auto found = document->find("issuances");
  if (found == document->end() || !found->is_array()) return issuances;
  for (const auto& entry : *found)
    if (entry.is_object())
      issuances.push_back({.at = time_at(entry, "at"),
                           .certificate = text_at(entry, "certificate"),
                           .directory = text_at(entry, "directory"),
                           .names = texts_at(entry, "names"),
                           .not_after = time_at(entry, "not_after"),
                           .is_replacement = flag_at(entry, "replacement").value_or(false)});
  std::ranges::stable_sort(issuances, {}, &Issuance::at);
  return issuances;
}

void Issuances::add(Issuance issuance) {
  std::vector<Issuance> issuances = load();
  const SystemTime now = issuance.at;
  issuances.push_back(std::move(issuance));
  forget_old(issuances, now);
  nlohmann::json entries = nlohmann::json::array();
  for (const Issuance& one : issuances)
    entries.push_back({{"at", format_time(one.at)},
                       {"certificate", one.certificate},
                       {"directory", one.directory},
                       {"names", one.names},
                       {"not_after", format_time(one.not_after)},
                       {"replacement", one.is_replacement}});
  save_json(directory_.issuances(), {{"version", 1}, {"issuances", std::move(entries)}}, directory_.tmp());
}

}  // namespace mxcert::store
