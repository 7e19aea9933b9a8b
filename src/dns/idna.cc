#include "dns/idna.h"

#include <idn2.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"

namespace mxcert::dns {
namespace {

constexpr int lookup_flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string reason_for(int result) {
  switch (result) {
    case IDN2_ENCODING_ERROR:
      return "is not UTF-8";
    case IDN2_DISALLOWED:
    case IDN2_UNASSIGNED:
    case IDN2_INVALID_NONTRANSITIONAL:
      return "has a character that domain names cannot have";
    case IDN2_CONTEXTJ:
    case IDN2_CONTEXTJ_NO_RULE:
      return "has an invisible joiner where none may be";
    case IDN2_CONTEXTO:
    case IDN2_CONTEXTO_NO_RULE:
      return "has a character that may not stand in this place";
    case IDN2_LEADING_COMBINING:
      return "begins with a combining mark";
    case IDN2_BIDI:
      return "mixes left-to-right and right-to-left writing";
    case IDN2_HYPHEN_STARTEND:
      return "begins or ends with a hyphen";
    case IDN2_TOO_BIG_LABEL:
    case IDN2_TOO_BIG_DOMAIN:
    case IDN2_PUNYCODE_BIG_OUTPUT:
      return "is longer than 63 octets as an A-label";
    default:
      return std::string("is no valid internationalized label (") + ::idn2_strerror_name(result) + ")";
  }
}

/// What libidn2 makes of one label; throws Error.
std::string look_up_label(std::string_view label) {
  std::uint8_t* result = nullptr;
  const std::string text(label);
  const int status = ::idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(text.c_str()), &result, lookup_flags);
  const Handle<std::uint8_t, ::idn2_free> owned(result);
  if (status != IDN2_OK) throw Error(reason_for(status));
  return to_lower_ascii(reinterpret_cast<const char*>(owned.get()));
}

}  // namespace

bool is_a_label(std::string_view label) {
  return label.starts_with("xn--");
}

std::string to_ascii_label(std::string_view label) {
  std::string ascii = to_lower_ascii(label);
  if (!is_ascii(ascii)) ascii = look_up_label(label);
  if (!is_a_label(ascii)) return ascii;
  std::string checked;
  try {
    checked = look_up_label(ascii);
  } catch (const Error& failure) {
    if (!is_ascii(label) || failure.message().starts_with("is no valid")) throw;
    throw Error("decodes to a label that " + failure.message());
  }
  if (checked != ascii) throw Error("is not the A-label that its own decoding has");
  return ascii;
}

std::optional<std::string> to_unicode_label(std::string_view label) {
  if (!is_a_label(label)) return std::nullopt;
  char* result = nullptr;
  const std::string text(label);
  const int status = ::idn2_to_unicode_8z8z(text.c_str(), &result, 0);
  const Handle<char, ::idn2_free> owned(result);
  if (status != IDN2_OK) return std::nullopt;
  std::string unicode = owned.get();
  try {
    if (to_ascii_label(unicode) != label || printable(unicode) != unicode) return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
  return unicode;
}

}  // namespace mxcert::dns
