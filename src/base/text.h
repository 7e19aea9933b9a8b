#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mxcert {

/// `text` fit for a terminal and a log: control characters and invalid UTF-8 become `\xNN`, and after `max_bytes`
/// it is cut with `…`. For everything that came from the network.
std::string printable(std::string_view text, std::size_t max_bytes = 2000);

/// Without white space at both ends.
std::string_view trim(std::string_view text);
/// The parts between separators, empty ones too.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string to_lower_ascii(std::string_view text);

/// `1 name`, `2 names`.
std::string count_of(std::size_t count, std::string_view singular, std::string_view plural = {});

/// The one of `candidates` that `word` is most likely a misspelling of; empty when none is near.
std::optional<std::string> closest_match(std::string_view word, std::span<const std::string> candidates);

std::string to_hex(std::string_view bytes);
/// base64url without padding (RFC 4648 §5, RFC 7515 §2).
std::string to_base64url(std::string_view bytes);
/// The reverse; empty when `text` is not that, padding included.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace mxcert
