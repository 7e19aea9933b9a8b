#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace mxcert::dns {

/// One label as a person wrote it (UTF-8) as a lower-case A-label: UTS #46 non-transitional, then IDNA2008. ASCII
/// labels that are no A-labels are only made lower case. Throws Error with the reason, a clause without its subject.
std::string to_ascii_label(std::string_view label);

/// The U-label of a lower-case A-label; empty when it is none, when it does not lead back to the same A-label, or
/// when it holds what does not belong on a terminal.
std::optional<std::string> to_unicode_label(std::string_view label);

bool is_a_label(std::string_view label);  // begins with `xn--`

}  // namespace mxcert::dns
