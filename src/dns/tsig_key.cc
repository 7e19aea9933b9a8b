#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "dns/update.h"

namespace mxcert::dns {
namespace {

constexpr std::array algorithms{"hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512"};

[[noreturn]] void throw_no_key(std::string_view reason) {
  throw Error(fmt::format("not a TSIG key: {}", reason),
              "write it as tsig-keygen does: key \"name\" { algorithm hmac-sha256; secret \"…\"; };", "tsig_key");
}

/// Without `#…`, `//…` to the end of the line.
std::string without_comments(std::string_view text) {
  std::string rest;
  for (std::string_view line : split(text, '\n')) {
    line = line.substr(0, line.find('#'));
    // A secret may hold two slashes: a comment begins a line or follows a blank.
    if (trim(line).starts_with("//")) continue;
    if (const auto comment = line.find(" //"); comment != std::string_view::npos) line = line.substr(0, comment);
    rest += std::string(line) + ' ';
  }
  return rest;
}

/// Words, texts in quotes (without them) and the characters { } ;.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (c == '{' || c == '}' || c == ';') {
      words.emplace_back(1, c);
      ++at;
    } else if (c == '"') {
      const auto end = text.find('"', at + 1);
      if (end == std::string::npos) throw_no_key("a quote is not closed");
      words.push_back(text.substr(at + 1, end - at - 1));
      at = end + 1;
    } else {
      const auto end = std::min(text.find_first_of(" \t\r{};\"", at), text.size());
      words.push_back(text.substr(at, end - at));
      at = end;
    }
  }
  return words;
}

bool is_base64(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  const std::string_view digits = text.substr(0, text.find('='));
  return !digits.empty() && text.size() % 4 == 0 && text.size() - digits.size() <= 2 &&
         std::ranges::all_of(digits, allowed) && text.find_first_not_of('=', digits.size()) == std::string_view::npos;
}

}  // namespace

TsigKey parse_tsig_key(std::string_view text) {
  const std::vector<std::string> words = words_of(without_comments(text));
  if (words.size() < 3 || words[0] != "key" || words[2] != "{") throw_no_key("it does not begin with key \"name\" {");
  const auto name = DnsName::parse_host(words[1]);
  if (!name || name->is_root()) throw_no_key("its name is no domain name");
  TsigKey key{.name = name->ascii(), .algorithm = {}, .secret = {}};
  std::size_t at = 3;
  for (; at + 2 < words.size() && words[at] != "}"; at += 3) {
    if (words[at + 2] != ";") throw_no_key("a ; is missing");
    if (words[at] == "algorithm") key.algorithm = to_lower_ascii(words[at + 1]);
    if (words[at] == "secret") key.secret = words[at + 1];
  }
  if (at >= words.size() || words[at] != "}") throw_no_key("the closing } is missing");
  if (key.algorithm.ends_with('.')) key.algorithm.pop_back();
  if (std::ranges::find(algorithms, key.algorithm) == algorithms.end())
    throw_no_key(fmt::format("its algorithm is none of {}", fmt::join(algorithms, ", ")));
  if (!is_base64(key.secret)) throw_no_key("its secret is not base64");
  return key;
}

}  // namespace mxcert::dns
