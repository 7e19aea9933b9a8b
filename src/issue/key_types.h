#pragma once
#include <optional>
#include <string>
#include <vector>

#include "pki/key.h"
#include "store/certificates.h"
#include "store/orders.h"

namespace mxcert::issue {

/// A key that the next version of a certificate is to have, as mx::wanted_keys says.
struct WantedKey {
  pki::KeyType type = pki::KeyType::ecdsa_p256;   // of a new key
  pki::KeyFamily family = pki::KeyFamily::ecdsa;  // of the live key, else of a new one
  std::optional<store::VersionPart> live = {};    // what the live version has of it
  store::Orders::FurtherKey further = {};         // empty: the primary key
};

/// The keys for the configured `types`, the primary one first. `live`: null when there is none that can be read.
std::vector<WantedKey> wanted_keys(const std::vector<pki::KeyType>& types, const store::Version* live);

/// `ecdsa-p256`, `rsa-2048`: of its keys, the primary one first.
std::vector<std::string> key_types_of(const store::Version& version);

}  // namespace mxcert::issue
