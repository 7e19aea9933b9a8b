#include "mx/name_memory.h"

#include <algorithm>

namespace mxcert::mx {

void NameMemory::keep(const dns::DnsName& name) {
  if (const auto known = before_.find(name); known != before_.end()) after_.insert(*known);
}

void NameMemory::keep_seen(const dns::DnsName& name) {
  const auto known = before_.find(name);
  if (known != before_.end() && known->second.seen_since) after_[name] = {.seen_since = known->second.seen_since};
}

SystemTime NameMemory::note_absent(const dns::DnsName& name, std::chrono::seconds keep_for, bool at_once) {
  keep(name);
  NameHistory& history = after_[name];
  SystemTime since = std::min(history.absent_since.value_or(now_), now_);  // a clock may have been ahead
  if (at_once) since = std::min<SystemTime>(since, now_ - keep_for);
  history = {.absent_since = since, .absent_last = now_, .absent_count = history.absent_count + 1};
  return since + keep_for;
}

bool NameMemory::note_seen(const dns::DnsName& name) {
  keep_seen(name);
  NameHistory& history = after_[name];
  const bool again = history.seen_since.has_value();
  history.seen_since = history.seen_since.value_or(now_);
  return again;
}

}  // namespace mxcert::mx
