#include "issue/name_histories.h"

namespace mxcert::issue {

mx::NameHistories load_histories(const store::NameRecords& names) {
  mx::NameHistories histories;
  for (const auto& [text, record] : names.load())
    if (const auto name = dns::DnsName::parse_host(text))
      histories[*name] = {.absent_since = record.absent_since,
                          .absent_last = record.absent_last,
                          .absent_count = record.absent_count,
                          .seen_since = record.seen_since};
  return histories;
}

void save_histories(store::NameRecords& names, const mx::NameHistories& histories) {
  std::map<std::string, store::NameRecord> records;
  for (const auto& [name, history] : histories)
    records[name.ascii()] = {.absent_since = history.absent_since,
                             .absent_last = history.absent_last,
                             .absent_count = history.absent_count,
                             .seen_since = history.seen_since};
  if (records != names.load()) names.save(records);
}

}  // namespace mxcert::issue
