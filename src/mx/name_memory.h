#pragma once
#include <chrono>
#include <map>
#include <optional>

#include "base/clock.h"
#include "dns/name.h"

namespace mxcert::mx {

/// What earlier plans saw of a name that is live and not wanted any more, or wanted and not live yet.
struct NameHistory {
  std::optional<SystemTime> absent_since = {};  // the first definite answer after which it is not wanted
  std::optional<SystemTime> absent_last = {};   // the last one
  int absent_count = 0;                         // how many, without one to the contrary in between
  std::optional<SystemTime> seen_since = {};    // when it was first wanted, if it was put off then

  bool operator==(const NameHistory&) const = default;
};
using NameHistories = std::map<dns::DnsName, NameHistory>;

/// Makes what the next plan is to know out of what the last one knew. What is not told to it is forgotten.
class NameMemory {
 public:
  NameMemory(const NameHistories& before, SystemTime now) : before_(before), now_(now) {}

  /// Nothing new is known of a live name.
  void keep(const dns::DnsName& name);
  /// Nor of one that is not live: that it was missing once, when it was, does not count when it is again.
  void keep_seen(const dns::DnsName& name);
  /// A definite answer says that a live name is not wanted. Returns until when it is kept: `keep_for` after the first
  /// one in a row; now, for ever, if `at_once`.
  SystemTime note_absent(const dns::DnsName& name, std::chrono::seconds keep_for, bool at_once);
  /// A name that is not live is wanted. Whether an earlier plan wanted it too and put it off.
  bool note_seen(const dns::DnsName& name);

  NameHistories take() { return std::move(after_); }

 private:
  const NameHistories& before_;
  NameHistories after_;
  SystemTime now_;
};

}  // namespace mxcert::mx
