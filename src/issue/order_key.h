#pragma once
#include <optional>
#include <string>

#include "issue/key_types.h"
#include "pki/key.h"

namespace mxcert::issue {

struct Run;

/// The key for a new certificate: that of `key.live`, or what can still be read of a damaged live version, when it is
/// to be reused, else a new one. One of another type than configured is kept all the same, with a warning: published
/// TLSA records refer to it, and a new key is a rollover, never a side effect (law 5). A compromised one is never used
/// again. Throws Error (code `key_damaged`).
pki::PrivateKey key_for_order(Run& run, const store::Certificate& certificate, const WantedKey& key);

}  // namespace mxcert::issue
