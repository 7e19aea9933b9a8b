#pragma once
#include <string>

namespace mxcert::store {

/// Something that is, or was about to be, left in the world to meet a challenge: to be taken away again, by a later run
/// if need be.
struct ChallengeTrace {
  std::string method = {};  // webroot, …
  std::string name = {};    // that the challenge is for, as it is ordered
  std::string where = {};   // a webroot; the name of a record
  std::string value = {};   // a path below the webroot; the text of the record

  bool operator==(const ChallengeTrace&) const = default;
};

}  // namespace mxcert::store
