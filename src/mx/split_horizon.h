#pragma once
#include <optional>
#include <string>
#include <vector>

#include "dns/answer.h"
#include "mx/plan.h"

// The DNS servers in use may show a view of the inside, which is not what senders elsewhere see. That is told, not
// worked around: no answer says what is seen elsewhere. An answer that validates is the zone's own, whoever gave it.
// The servers are asked directly, since libunbound does not pass the AA bit on.
namespace mxcert::mx {

/// A host that is this one, or a sibling, by an address that senders elsewhere do not see: `mx.example.com has the
/// private address 10.0.0.1`. Empty when there is none.
std::optional<std::string> find_inner_address(const Plan& plan);

/// What tells whether the servers make the answers themselves: the address of one host a zone, four at most, of those
/// that DNSSEC does not vouch for; first of those that are this host.
std::vector<dns::Question> questions_about_view(const Plan& plan);

/// Code split_horizon; `reason` is a sentence.
Warning warn_of_view(const std::string& reason);

}  // namespace mxcert::mx
