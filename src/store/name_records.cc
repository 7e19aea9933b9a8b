#include "store/name_records.h"

#include <algorithm>

#include "store/json.h"

namespace mxcert::store {
namespace {

constexpr std::size_t max_names = 5'000;

nlohmann::json to_json(const NameRecord& record) {
  nlohmann::json entry = nlohmann::json::object();
  if (record.absent_since)
    entry["absent"] = {{"since", format_time(*record.absent_since)},
                       {"last", format_time(record.absent_last.value_or(*record.absent_since))},
                       {"count", record.absent_count}};
  if (record.seen_since) entry["seen"] = {{"since", format_time(*record.seen_since)}};
  return entry;
}

std::optional<SystemTime> since_at(const nlohmann::json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_object() ? parse_time(text_at(*found, "since")) : std::nullopt;
}

NameRecord read_record(const nlohmann::json& entry) {
  NameRecord record{
      .absent_since = since_at(entry, "absent"), .absent_last = {}, .seen_since = since_at(entry, "seen")};
  if (!record.absent_since) return record;
  const nlohmann::json& absent = entry.at("absent");
  record.absent_last = parse_time(text_at(absent, "last"));
  const auto count = absent.find("count");
  record.absent_count = count != absent.end() && count->is_number_integer()
                            ? static_cast<int>(std::clamp<std::int64_t>(count->get<std::int64_t>(), 1, 1'000'000))
                            : 1;
  return record;
}

}  // namespace

std::map<std::string, NameRecord> NameRecords::load() const {
  std::map<std::string, NameRecord> names;
  const auto document = load_json(directory_.names());
  if (!document) return names;
  const auto found = document->find("names");
  if (found == document->end() || !found->is_object()) return names;
  for (const auto& [name, entry] : found->items())
    if (entry.is_object()) names[name] = read_record(entry);
  return names;
}

void NameRecords::save(const std::map<std::string, NameRecord>& names) {
  nlohmann::json entries = nlohmann::json::object();
  for (const bool absent : {true, false})
    for (const auto& [name, record] : names)
      if (record.absent_since.has_value() == absent && entries.size() < max_names) entries[name] = to_json(record);
  save_json(directory_.names(), {{"version", 1}, {"names", std::move(entries)}}, directory_.tmp());
}

}  // namespace mxcert::store
