#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pki/key.h"
#include "store/challenge_trace.h"
#include "store/state_directory.h"

namespace mxcert::store {

/// An order under way: enough to go on with it after a crash.
struct OrderRecord {
  std::string directory;           // URL of the CA's directory
  std::vector<std::string> names;  // what was ordered
  std::string csr_der;
  std::string private_key;   // PEM, the key that the CSR is for
  std::string profile = {};  // empty: the CA's default
  std::string url;           // of the order; empty until the CA has given one
};

/// At most one order per certificate and key: the primary one (`further` empty) and one of the other family. Changes
/// need the state directory's lock.
class Orders {
 public:
  using FurtherKey = std::optional<pki::KeyFamily>;

  explicit Orders(StateDirectory directory) : directory_(std::move(directory)) {}

  /// Empty when there is none, or when what is there cannot be used.
  std::optional<OrderRecord> find(const std::string& certificate, FurtherKey further = {}) const;
  /// Key first, then the rest, so that no order is ever without its key; durable when it returns.
  void save(const std::string& certificate, const OrderRecord& order, FurtherKey further = {});
  void remove(const std::string& certificate, FurtherKey further = {});
  /// With every key; nothing is done when there is none.
  void remove_all(const std::string& certificate);

  /// What orders left behind, certificate by certificate; what is damaged is left out.
  std::map<std::string, std::vector<ChallengeTrace>> find_traces() const;
  /// Replaces what is remembered for `certificate`; durable when it returns. None: forgets.
  void save_traces(const std::string& certificate, const std::vector<ChallengeTrace>& traces);

 private:
  StateDirectory directory_;
};

}  // namespace mxcert::store
