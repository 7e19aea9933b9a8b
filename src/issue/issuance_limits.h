#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/finding.h"
#include "store/issuances.h"

// How often certificates are ordered. CAs count too: Let's Encrypt issues five certificates with the same names, and
// fifty below the same registered domain, in seven days.
// A loop that the CA ends with a week's pause leaves no room for the order that matters. What has expired does not
// count here: certificates that live for a day have to be renewed.
namespace mxcert::issue {

/// As CAs compare: in whatever order.
bool same_names(const std::vector<std::string>& some, const std::vector<std::string>& others);

/// When a certificate with these names may be had from that CA again: empty for now, as long as fewer than five that
/// were issued within seven days are still valid.
std::optional<SystemTime> next_with_same_names(std::span<const store::Issuance> issuances, const std::string& directory,
                                               const std::vector<std::string>& names, SystemTime now);
/// When `renew` may replace a certificate again that is not due: empty for now, as long as it was done less than three
/// times within a day.
std::optional<SystemTime> next_replacement(std::span<const store::Issuance> issuances, const std::string& certificate,
                                           SystemTime now);
/// How many of the certificates have names below the last two labels of one of `names`, by those labels. Which labels
/// CAs count by, only they know for sure.
std::map<std::string, std::size_t> count_by_domain(std::span<const store::Issuance> issuances,
                                                   const std::vector<std::string>& names);

/// Throws Error (code `issued_too_often`) when the CA would not, or should not be asked to, issue these names once
/// more.
void require_not_issued_too_often(std::span<const store::Issuance> issuances, const std::string& directory,
                                  const std::vector<std::string>& names, SystemTime now);
/// `many_issued`, for each registered domain whose limit at the CA is near.
std::vector<Finding> warn_of_many_issued(std::span<const store::Issuance> issuances, const std::string& certificate,
                                         const std::vector<std::string>& names);

}  // namespace mxcert::issue
