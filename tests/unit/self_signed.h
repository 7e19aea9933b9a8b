#pragma once
#include <chrono>
#include <span>
#include <string>

#include "base/clock.h"
#include "pki/key.h"

namespace mxcert::test {

/// A certificate for `names`, signed by its own key, in PEM, valid from `not_before` for `lifetime`.
std::string make_self_signed(const pki::PrivateKey& key, std::span<const std::string> names, SystemTime not_before,
                             std::chrono::seconds lifetime);

}  // namespace mxcert::test
