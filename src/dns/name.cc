#include "dns/name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "dns/address.h"
#include "dns/idna.h"

namespace mxcert::dns {
namespace {

constexpr std::size_t max_label_octets = 63;
constexpr std::size_t max_name_octets = 253;  // in text, without the trailing dot: 255 on the wire
constexpr std::size_t max_input_bytes = 1024;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_number(std::string_view label) {
  return std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
}

/// Why a lower-case ASCII label cannot stand in a host name (RFC 1123 §2.1), a clause without its subject.
std::string why_not_a_host_label(std::string_view label) {
  if (label.empty()) return "is empty";
  if (label.size() > max_label_octets) return "is longer than 63 octets";
  if (label.find('*') != std::string_view::npos) return "is a wildcard";
  if (label.find('_') != std::string_view::npos) return "has an underscore, which host names cannot have";
  const auto bad = std::ranges::find_if_not(label, [](char c) { return is_letter_or_digit(c) || c == '-'; });
  if (bad != label.end())
    return fmt::format("has the character '{}', which host names cannot have", printable({&*bad, 1}));
  if (label.front() == '-' || label.back() == '-') return "begins or ends with a hyphen";
  return {};
}

/// Splits at every character that UTS #46 §2.3 takes for a dot.
std::vector<std::string> split_labels(std::string_view text) {
  std::string dotted(text);
  for (const std::string_view dot : {"\u3002", "\uff0e", "\uff61"})
    for (auto at = dotted.find(dot); at != std::string::npos; at = dotted.find(dot, at))
      dotted.replace(at, dot.size(), ".");
  std::vector<std::string> labels;
  for (const std::string_view label : split(dotted, '.'))
    labels.emplace_back(label);
  if (labels.size() > 1 && labels.back().empty()) labels.pop_back();
  return labels;
}

[[noreturn]] void refuse(std::string_view text, std::string_view reason, std::string hint = {}) {
  if (hint.empty()) hint = "write a domain name such as example.com";
  throw Error(fmt::format("\"{}\" is no usable domain name: {}", printable(text, 300), reason), std::move(hint),
              "bad_name");
}

/// What people write in place of a domain, each with its own advice.
void refuse_lookalikes(std::string_view text) {
  if (text.empty()) refuse(text, "it is empty");
  if (text.size() > max_input_bytes) refuse(text.substr(0, 80), "it is longer than 253 octets");
  if (text == ".") refuse(text, "it is the root of the DNS");
  if (text.front() == '[') refuse(text, "it is an address literal", "write the domain that has its MX there");
  if (IpAddress::find(text)) refuse(text, "it is an address", "write the domain that has its MX there");
  if (const auto at = text.rfind('@'); at != std::string_view::npos)
    refuse(text, "it is a mail address",
           fmt::format("write the part behind the @: {}", printable(text.substr(at + 1))));
}

std::string checked_label(std::string_view text, const std::string& label) {
  std::string ascii;
  try {
    ascii = to_ascii_label(label);
  } catch (const Error& failure) {
    refuse(text, fmt::format("the label \"{}\" {}", printable(label, 100), failure.message()));
  }
  if (const std::string reason = why_not_a_host_label(ascii); !reason.empty())
    refuse(text, label.empty() ? "two dots with nothing between them, or a dot in front"
                               : fmt::format("the label \"{}\" {}", printable(label, 100), reason));
  return ascii;
}

/// One octet of a label as parse_host and from_wire store it.
void append_octet(std::string& out, unsigned char octet) {
  if (octet >= 'A' && octet <= 'Z') octet = static_cast<unsigned char>(octet + 32);
  if (octet > 0x20 && octet < 0x7F && octet != '.' && octet != '\\')
    out += static_cast<char>(octet);
  else
    out += fmt::format("\\{:03}", octet);
}

/// The octet behind a backslash at `position` (RFC 1035 §5.1), which moves behind it.
std::optional<unsigned char> unescape(std::string_view text, std::size_t& position) {
  if (++position >= text.size()) return std::nullopt;
  if (text[position] < '0' || text[position] > '9') return static_cast<unsigned char>(text[position++]);
  unsigned value = 0;
  if (position + 3 > text.size()) return std::nullopt;
  const char* begin = text.data() + position;
  const auto [end, failure] = std::from_chars(begin, begin + 3, value);
  if (failure != std::errc{} || end != begin + 3 || value > 255) return std::nullopt;
  position += 3;
  return static_cast<unsigned char>(value);
}

std::string_view last_label(std::string_view ascii) {
  return ascii.substr(ascii.rfind('.') + 1);
}

}  // namespace

DnsName DnsName::parse(std::string_view text, std::size_t min_labels) {
  refuse_lookalikes(text);
  std::string ascii;
  const std::vector<std::string> labels = split_labels(text);
  for (const std::string& label : labels) {
    if (!ascii.empty()) ascii += '.';
    ascii += checked_label(text, label);
  }
  if (ascii.size() > max_name_octets) refuse(text, "it is longer than 253 octets");
  if (labels.size() < min_labels) refuse(text, "it has a single label, and so no place in the public DNS");
  if (is_number(last_label(ascii))) refuse(text, "it ends in a number, as only addresses do");
  return DnsName(std::move(ascii));
}

std::optional<DnsName> DnsName::parse_host(std::string_view text) {
  if (text == ".") return DnsName(".");
  if (text.empty() || text.size() > 4 * (max_name_octets + 1)) return std::nullopt;
  std::string ascii;
  std::size_t label_octets = 0;
  std::size_t name_octets = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '.') {
      if (label_octets == 0) return std::nullopt;
      if (++at == text.size()) break;
      ascii += '.';
      label_octets = 0;
    } else {
      std::optional<unsigned char> octet = static_cast<unsigned char>(text[at]);
      if (text[at] == '\\')
        octet = unescape(text, at);
      else
        ++at;
      if (!octet || ++label_octets > max_label_octets) return std::nullopt;
      append_octet(ascii, *octet);
    }
    if (++name_octets > max_name_octets) return std::nullopt;
  }
  return label_octets == 0 ? std::nullopt : std::optional(DnsName(std::move(ascii)));
}

std::optional<DnsName> DnsName::from_wire(std::span<const std::uint8_t> bytes, std::size_t& position) {
  std::string ascii;
  const std::size_t begin = position;
  std::size_t at = position;
  while (at < bytes.size()) {
    const std::size_t length = bytes[at++];
    if (length > max_label_octets || at + length - begin > max_name_octets + 2) return std::nullopt;
    if (length == 0) {
      position = at;
      return DnsName(ascii.empty() ? "." : std::move(ascii));
    }
    if (at + length > bytes.size()) return std::nullopt;
    if (!ascii.empty()) ascii += '.';
    for (const std::uint8_t octet : bytes.subspan(at, length))
      append_octet(ascii, octet);
    at += length;
  }
  return std::nullopt;
}

std::string DnsName::unicode() const {
  std::string out;
  for (const std::string_view label : split(ascii_, '.')) {
    if (!out.empty()) out += '.';
    out += to_unicode_label(label).value_or(std::string(label));
  }
  return is_root() ? ascii_ : out;
}

std::string DnsName::why_not_a_host() const {
  if (is_root()) return "is the root of the DNS";
  if (IpAddress::find(ascii_)) return "is an address, not a host name";
  for (const std::string_view label : split(ascii_, '.')) {
    if (std::string reason = why_not_a_host_label(label); !reason.empty()) return reason;
    try {
      to_ascii_label(label);
    } catch (const Error& failure) {
      return fmt::format("has the label \"{}\", which {}", label, failure.message());
    }
  }
  if (ascii_.find('.') == std::string::npos) return "has a single label, and so no place in the public DNS";
  if (is_number(last_label(ascii_))) return "ends in a number, as only addresses do";
  return {};
}

std::string display_name(const DnsName& name) {
  std::string unicode = name.unicode();
  if (unicode == name.ascii()) return unicode;
  return fmt::format("{} ({})", unicode, name.ascii());
}

}  // namespace mxcert::dns
