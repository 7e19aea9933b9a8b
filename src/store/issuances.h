#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/state_directory.h"

namespace mxcert::store {

/// A certificate that a CA issued to us.
struct Issuance {
  SystemTime at;
  std::string certificate;  // what it is stored under
  std::string directory;    // URL of the CA's directory
  std::vector<std::string> names;
  SystemTime not_after;
  bool is_replacement = false;  // of one that was not due

  bool operator==(const Issuance&) const = default;
};

/// What was issued within the last seven days, the time that CAs count their limits in: `issuances.json`. Rebuildable:
/// without it, the CA's own limits remain. Adding needs the state directory's lock.
class Issuances {
 public:
  explicit Issuances(StateDirectory directory) : directory_(std::move(directory)) {}

  /// Oldest first.
  std::vector<Issuance> load() const;
  /// Forgets what is older than seven days before `issuance`, and of very many (2 MiB) the oldest.
  void add(Issuance issuance);

 private:
  StateDirectory directory_;
};

}  // namespace mxcert::store
