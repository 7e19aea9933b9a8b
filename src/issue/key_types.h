#pragma once
#include <optional>
#include <string>
#include <vector>

#include "pki/key.h"
#include "store/certificates.h"
#include "store/orders.h"

namespace mxcert::issue {

/// A key that the next version of a certificate is to have.
struct WantedKey {
  pki::KeyType type = pki::KeyType::ecdsa_p256;  // of a new key
  std::optional<store::VersionPart> live = {};   // what the live version has of it
  store::Orders::FurtherKey further = {};        // empty: the primary key

  /// Of the live key, else of a new one.
  pki::KeyFamily family() const;
};

/// The keys for the configured `types`, the primary one first, each with the live certificate whose key is of the same
/// family. A single type of a family that the live version lacks goes on with the live primary key: to change the type
/// alone is no reason for a new one (law 5). `live`: null when there is none that can be read.
std::vector<WantedKey> wanted_keys(const std::vector<pki::KeyType>& types, const store::Version* live);

/// `it lacks an rsa-2048 certificate`; empty if it has one for each of `types`.
std::string why_incomplete(const std::vector<pki::KeyType>& types, const store::Version& live);

/// `ecdsa-p256`, `rsa-2048`: of its keys, the primary one first.
std::vector<std::string> key_types_of(const store::Version& version);

}  // namespace mxcert::issue
