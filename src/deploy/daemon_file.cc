#include "deploy/daemon_file.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <charconv>

#include "base/error.h"
#include "base/name_table.h"
#include "base/text.h"

namespace mxcert::deploy {
namespace {

constexpr std::size_t max_path_bytes = 1000;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(what);
}

std::optional<unsigned> parse_number(std::string_view text, int base) {
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

constexpr auto content_names = name_table<Content>({
    {Content::privkey, "privkey"},
    {Content::cert, "cert"},
    {Content::chain, "chain"},
    {Content::fullchain, "fullchain"},
    {Content::bundle, "bundle"},
    {Content::bundles, "bundles"},
    {Content::names, "names"},
});

}  // namespace

std::string_view to_string(Content content) {
  return name_of(content_names, content);
}

bool holds_key(Content content) {
  return content == Content::privkey || content == Content::bundle || content == Content::bundles;
}

std::optional<uid_t> parse_owner(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (const auto number = parse_number(text, 10)) return *number;
  const passwd* entry = ::getpwnam(text.c_str());
  if (entry == nullptr) refuse(fmt::format("no user \"{}\"", printable(text, 100)));
  return entry->pw_uid;
}

std::optional<gid_t> parse_group(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (const auto number = parse_number(text, 10)) return *number;
  const group* entry = ::getgrnam(text.c_str());
  if (entry == nullptr) refuse(fmt::format("no group \"{}\"", printable(text, 100)));
  return entry->gr_gid;
}

mode_t parse_mode(const std::string& text, Content content) {
  if (text.empty()) return holds_key(content) ? 0600 : 0644;
  const auto mode = parse_number(text, 8);
  if (!mode || (*mode & ~0777U) != 0 || (*mode & 0400) == 0)
    refuse(fmt::format("\"{}\" is not an octal file mode such as 0640", printable(text, 20)));
  if ((*mode & 0022) != 0) refuse(fmt::format("{} lets others write", text));
  if (holds_key(content) && (*mode & 0007) != 0) refuse(fmt::format("{} lets everybody read a private key", text));
  return *mode;
}

Content parse_content(const std::string& text) {
  if (const auto content = value_of(content_names, text)) return *content;
  refuse(fmt::format("\"{}\" is none of {}", printable(text, 50), join(names_in(content_names), ", ")));
}

std::optional<pki::KeyFamily> parse_file_key_type(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto family = pki::parse_key_family(text);
  if (!family) refuse(fmt::format("\"{}\" is neither ecdsa nor rsa", printable(text, 50)));
  return family;
}

std::filesystem::path parse_file_path(const std::string& text) {
  if (!text.starts_with('/')) refuse(fmt::format("\"{}\" is not absolute", printable(text, 200)));
  if (text.ends_with('/') || printable(text, max_path_bytes) != text)
    refuse(fmt::format("\"{}\" is not the name of a file", printable(text, 200)));
  return text;
}

}  // namespace mxcert::deploy
