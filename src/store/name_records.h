#pragma once
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "store/state_directory.h"

namespace mxcert::store {

/// What earlier runs saw of one name.
struct NameRecord {
  std::optional<SystemTime> absent_since;  // the first definite answer after which it is not wanted any more
  std::optional<SystemTime> absent_last;
  int absent_count = 0;
  std::optional<SystemTime> seen_since;  // when it was wanted first, and put off

  bool operator==(const NameRecord&) const = default;
};

/// The names whose certificates wait for them to go or to come: `names.json`. Rebuildable: without it, waiting begins
/// anew. Saving needs the state directory's lock.
class NameRecords {
 public:
  explicit NameRecords(StateDirectory directory) : directory_(std::move(directory)) {}

  /// By A-label.
  std::map<std::string, NameRecord> load() const;
  /// Of very many, those that would go come first: at most 5,000 are kept.
  void save(const std::map<std::string, NameRecord>& names);

 private:
  StateDirectory directory_;
};

}  // namespace mxcert::store
