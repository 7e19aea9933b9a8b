#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace mxcert::acme {

struct Response;

/// A time as HTTP writes it, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7); empty for anything else.
std::optional<SystemTime> parse_http_date(std::string_view text);

/// How long the CA asks to wait (RFC 9110 §10.2.3, seconds or a date; a date counts from the answer's own Date header,
/// so that our clock does not matter). Between zero and 400 days; empty when there is none or it makes no sense.
std::optional<std::chrono::seconds> retry_after(const Response& response, SystemTime now);

/// The https targets of Link headers whose relation is `relation` (RFC 8288 §3), at most 20.
std::vector<std::string> find_links(const Response& response, std::string_view relation);

/// Whether it is an absolute https URL without anything that could break a header, a log line or a terminal.
bool is_https_url(std::string_view url);

}  // namespace mxcert::acme
