#pragma once
#include <cstddef>
#include <string>

#include "acme/messages.h"

namespace mxcert::issue {

/// How many names a certificate of this profile may have, as far as that is known (Let's Encrypt's): `max_names` or
/// less.
std::size_t limit_names(const std::string& profile, std::size_t max_names);

/// Throws Error (code `unknown_profile`) naming what the CA offers, unless `profile` is among it or empty
/// (draft-ietf-acme-profiles).
void check_profile(const acme::Directory& directory, const std::string& profile);

}  // namespace mxcert::issue
