#include "deploy/description.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "deploy/hook.h"

namespace mxcert::deploy {
namespace {

using nlohmann::json;
constexpr std::size_t max_json_bytes = 1 << 17;
constexpr int max_json_depth = 8;
constexpr std::size_t max_entries = 64;
constexpr std::size_t max_path_bytes = 1000;
constexpr std::size_t max_text_bytes = 8000;
constexpr std::size_t max_warning_bytes = 1000;
constexpr std::array contents{Content::privkey, Content::cert,    Content::chain, Content::fullchain,
                              Content::bundle,  Content::bundles, Content::names};

[[noreturn]] void refuse(std::string_view field, std::string_view what) {
  throw Error(fmt::format("{}: {}", field, what));
}

json parse_json(std::string_view text) {
  if (text.size() > max_json_bytes) throw Error(fmt::format("more than {} bytes", max_json_bytes));
  const auto limit_depth = [](int depth, json::parse_event_t, json&) {
    if (depth > max_json_depth) throw Error("nested too deeply");
    return true;
  };
  try {
    return json::parse(text, limit_depth);
  } catch (const json::exception& e) {
    throw Error(fmt::format("not valid JSON: {}", printable(e.what(), 200)));
  }
}

const json* find(const json& object, const char* field) {
  const auto found = object.find(field);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_field(const json& object, const char* field, std::size_t max_bytes) {
  const json* value = find(object, field);
  if (value == nullptr) return {};
  if (!value->is_string()) refuse(field, "must be a text");
  std::string text = value->get<std::string>();
  if (text.size() > max_bytes) refuse(field, fmt::format("longer than {} bytes", max_bytes));
  return text;
}

bool bool_field(const json& object, const char* field, bool otherwise) {
  const json* value = find(object, field);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) refuse(field, "must be true or false");
  return value->get<bool>();
}

const json& list_field(const json& object, const char* field) {
  static const json none = json::array();
  const json* value = find(object, field);
  if (value == nullptr) return none;
  if (!value->is_array()) refuse(field, "must be a list");
  if (value->size() > max_entries) refuse(field, fmt::format("more than {} entries", max_entries));
  for (const json& entry : *value)
    if (!entry.is_object()) refuse(field, "must be a list of objects");
  return *value;
}

/// A list of texts for people.
std::vector<std::string> texts_field(const json& object, const char* field) {
  std::vector<std::string> texts;
  const json* value = find(object, field);
  if (value == nullptr) return texts;
  if (!value->is_array()) refuse(field, "must be a list");
  if (value->size() > max_entries) refuse(field, fmt::format("more than {} entries", max_entries));
  for (const json& entry : *value) {
    if (!entry.is_string()) refuse(field, "must be a list of texts");
    texts.push_back(printable(entry.get<std::string>(), max_warning_bytes));
  }
  return texts;
}

std::optional<unsigned> parse_number(std::string_view text, int base) {
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<uid_t> parse_owner(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (const auto number = parse_number(name, 10)) return *number;
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) refuse("owner", fmt::format("no user \"{}\"", printable(name, 100)));
  return entry->pw_uid;
}

std::optional<gid_t> parse_group(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (const auto number = parse_number(name, 10)) return *number;
  const group* entry = ::getgrnam(name.c_str());
  if (entry == nullptr) refuse("group", fmt::format("no group \"{}\"", printable(name, 100)));
  return entry->gr_gid;
}

mode_t parse_mode(const std::string& text, Content content) {
  if (text.empty()) return holds_key(content) ? 0600 : 0644;
  const auto mode = parse_number(text, 8);
  if (!mode || (*mode & ~0777U) != 0 || (*mode & 0400) == 0)
    refuse("mode", fmt::format("\"{}\" is not an octal file mode such as 0640", printable(text, 20)));
  if ((*mode & 0022) != 0) refuse("mode", fmt::format("{} lets others write", text));
  if (holds_key(content) && (*mode & 0007) != 0)
    refuse("mode", fmt::format("{} lets everybody read a private key", text));
  return *mode;
}

Content parse_content(const std::string& text) {
  for (const Content content : contents)
    if (text == to_string(content)) return content;
  refuse("content",
         fmt::format("\"{}\" is none of privkey, cert, chain, fullchain, bundle, bundles, names", printable(text, 50)));
}

std::optional<pki::KeyFamily> parse_key_type(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto family = pki::parse_key_family(text);
  if (!family) refuse("key_type", fmt::format("\"{}\" is neither ecdsa nor rsa", printable(text, 50)));
  return family;
}

std::filesystem::path parse_path(const std::string& text) {
  if (!text.starts_with('/')) refuse("path", fmt::format("\"{}\" is not absolute", printable(text, 200)));
  if (text.ends_with('/') || printable(text, max_path_bytes) != text)
    refuse("path", fmt::format("\"{}\" is not the name of a file", printable(text, 200)));
  return text;
}

DaemonFile parse_file(const json& object) {
  DaemonFile file;
  file.path = parse_path(text_field(object, "path", max_path_bytes));
  file.content = parse_content(text_field(object, "content", max_path_bytes));
  file.key_type = parse_key_type(text_field(object, "key_type", max_path_bytes));
  file.attributes.mode = parse_mode(text_field(object, "mode", max_path_bytes), file.content);
  file.attributes.owner = parse_owner(text_field(object, "owner", max_path_bytes));
  file.attributes.group = parse_group(text_field(object, "group", max_path_bytes));
  return file;
}

Protocol parse_protocol(const std::string& text) {
  if (text.empty() || text == "smtp") return Protocol::smtp;
  if (text == "imap") return Protocol::imap;
  if (text == "pop3") return Protocol::pop3;
  if (text == "sieve") return Protocol::sieve;
  if (text == "tls") return Protocol::tls;
  refuse("protocol", fmt::format("\"{}\" is none of smtp, imap, pop3, sieve, tls", printable(text, 50)));
}

bool parse_implicit(const std::string& text, Protocol protocol) {
  if (text == "implicit") return true;
  if (protocol == Protocol::tls) refuse("tls", "must be \"implicit\" where the protocol is tls");
  if (text.empty() || text == "starttls") return false;
  refuse("tls", fmt::format("\"{}\" is neither starttls nor implicit", printable(text, 50)));
}

std::string parse_address(const std::string& text) {
  const auto address = normalize_address(text);
  if (!address) refuse("address", fmt::format("\"{}\" is not an IP address", printable(text, 100)));
  return *address;
}

std::uint16_t parse_port(const json& object) {
  const json* value = find(object, "port");
  if (value == nullptr || !value->is_number_unsigned() || value->get<std::uint64_t>() == 0 ||
      value->get<std::uint64_t>() > 65535)
    refuse("port", "must be a number from 1 to 65535");
  return value->get<std::uint16_t>();
}

Endpoint parse_listener(const json& object) {
  Endpoint endpoint;
  endpoint.address = parse_address(text_field(object, "address", max_path_bytes));
  endpoint.port = parse_port(object);
  endpoint.protocol = parse_protocol(text_field(object, "protocol", max_path_bytes));
  endpoint.implicit_tls = parse_implicit(text_field(object, "tls", max_path_bytes), endpoint.protocol);
  return endpoint;
}

/// The bundle of the file's key type.
const pki::CertificateBundle& bundle_for(const Delivery& delivery, const DaemonFile& file) {
  if (!file.key_type) return delivery.bundle;
  const auto families = delivery.key_families();
  const auto found = std::ranges::find(families, *file.key_type);
  if (found == families.end())
    throw Error(fmt::format("{} is for a key of type {}, which the certificate does not have", file.path.string(),
                            pki::to_string(*file.key_type)),
                "the hook has to look at MXCERT_KEY_TYPES");
  return *delivery.bundles().at(static_cast<std::size_t>(found - families.begin()));
}

std::string part_of(const pki::CertificateBundle& bundle, Content content) {
  switch (content) {
    case Content::privkey:
      return bundle.private_key;
    case Content::cert:
      return bundle.leaf;
    case Content::chain:
      return bundle.chain;
    case Content::fullchain:
      return bundle.full_chain();
    default:
      return bundle.key_and_chain();
  }
}

/// The text for the administrator keeps its lines.
std::string printable_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : split(trim(text), '\n'))
    lines.push_back(printable(line));
  return join(lines, "\n");
}

bool is_json_object(std::string_view text) {
  return trim(text).starts_with('{');
}

}  // namespace

std::string_view to_string(Content content) {
  switch (content) {
    case Content::privkey:
      return "privkey";
    case Content::cert:
      return "cert";
    case Content::chain:
      return "chain";
    case Content::fullchain:
      return "fullchain";
    case Content::bundle:
      return "bundle";
    case Content::bundles:
      return "bundles";
    case Content::names:
      return "names";
  }
  return "";
}

bool holds_key(Content content) {
  return content == Content::privkey || content == Content::bundle || content == Content::bundles;
}

std::string text_of(const Delivery& delivery, const DaemonFile& file) {
  std::string text;
  switch (file.content) {
    case Content::names:
      for (const std::string& name : delivery.names)
        text += name + "\n";
      return text;
    case Content::bundles:
      for (const pki::CertificateBundle* bundle : delivery.bundles())
        text += bundle->key_and_chain();
      return text;
    default:
      return part_of(bundle_for(delivery, file), file.content);
  }
}

Description parse_description(std::string_view text) {
  const json object = parse_json(text);
  if (!object.is_object()) throw Error("not a JSON object");
  Description description;
  description.daemon = printable(text_field(object, "daemon", 200));
  description.running = bool_field(object, "running", true);
  description.configured = bool_field(object, "configured", true);
  description.configurable = bool_field(object, "configurable", false);
  description.missing_configuration = printable_lines(text_field(object, "missing_configuration", max_text_bytes));
  description.warnings = texts_field(object, "warnings");
  for (const json& file : list_field(object, "files"))
    description.files.push_back(parse_file(file));
  for (const json& listener : list_field(object, "listeners"))
    description.listeners.push_back(parse_listener(listener));
  if (!description.configured && description.missing_configuration.empty())
    refuse("missing_configuration", "must say what to write when configured is false");
  return description;
}

Description describe(Clock& clock, const std::filesystem::path& program, const Target& target,
                     const Delivery& delivery) {
  const HookAnswer answer = run_hook(clock, program, HookEvent::describe, target, delivery, target.configure);
  if (!answer.handled || !is_json_object(answer.standard_output))
    return {.plain_script = true, .daemon = "hook " + program.filename().string()};
  try {
    Description description = parse_description(answer.standard_output);
    if (description.daemon.empty()) description.daemon = "the daemon of hook " + program.filename().string();
    return description;
  } catch (Error& e) {
    e.add_context(fmt::format("hook {} describe", program.filename().string()));
    throw;
  }
}

}  // namespace mxcert::deploy
