#include "deploy/description.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/name_table.h"
#include "base/text.h"
#include "deploy/hook.h"

namespace mxcert::deploy {
namespace {

using nlohmann::json;
constexpr std::size_t max_json_bytes = 1 << 17;
constexpr int max_json_depth = 8;
constexpr std::size_t max_entries = 64;
constexpr std::size_t max_field_bytes = 1000;
constexpr std::size_t max_text_bytes = 8000;
constexpr std::size_t max_warning_bytes = 1000;
constexpr std::size_t max_script_bytes = 1 << 20;

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

DaemonFile parse_file(const json& object) {
  DaemonFile file;
  const auto read = [&](const char* field, auto parse) {
    try {
      return parse(text_field(object, field, max_field_bytes));
    } catch (const Error& e) {
      refuse(field, e.message());
    }
  };
  file.path = read("path", parse_file_path);
  file.content = read("content", parse_content);
  file.key_type = read("key_type", parse_file_key_type);
  file.attributes.mode = read("mode", [&](const std::string& text) { return parse_mode(text, file.content); });
  file.attributes.owner = read("owner", parse_owner);
  file.attributes.group = read("group", parse_group);
  return file;
}

constexpr auto protocol_names = name_table<Protocol>({
    {Protocol::smtp, "smtp"},
    {Protocol::imap, "imap"},
    {Protocol::pop3, "pop3"},
    {Protocol::sieve, "sieve"},
    {Protocol::tls, "tls"},
});

Protocol parse_protocol(const std::string& text) {
  if (text.empty()) return Protocol::smtp;
  if (const auto protocol = value_of(protocol_names, text)) return *protocol;
  refuse("protocol", fmt::format("\"{}\" is none of {}", printable(text, 50), join(names_in(protocol_names), ", ")));
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
  endpoint.address = parse_address(text_field(object, "address", max_field_bytes));
  endpoint.port = parse_port(object);
  endpoint.protocol = parse_protocol(text_field(object, "protocol", max_field_bytes));
  endpoint.implicit_tls = parse_implicit(text_field(object, "tls", max_field_bytes), endpoint.protocol);
  return endpoint;
}

std::filesystem::path fill_in(std::string path, const std::string& name) {
  for (auto at = path.find(name_placeholder); at != std::string::npos;
       at = path.find(name_placeholder, at + name.size()))
    path.replace(at, name_placeholder.size(), name);
  return path;
}

/// A target whose files the configuration lists; of its daemon nothing is known but where it was said to listen.
Description describe_listed(const Target& target, const Delivery& delivery) {
  Description description{.running = target.verify.empty(), .files = target.listed->files};
  for (DaemonFile& file : description.files)
    file.path = fill_in(file.path.string(), delivery.certificate_name);
  description.daemon = "the daemon that reads " + description.files.at(0).path.string();
  return description;
}

/// The text for the administrator keeps its lines.
std::string printable_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : split(trim(text), '\n'))
    lines.push_back(printable(line));
  return join(lines, "\n");
}

/// A script that looks at nothing we tell it, and has no word of a description, does the same whatever it is asked: a
/// deploy hook of certbot would do all its work for `describe`, before anything was checked.
bool is_worth_asking(const std::filesystem::path& program) {
  constexpr std::array words{"describe", "MXCERT_", "$1",   "${1",     "$@",       "${@",        "$*",
                             "${*",      "argv",    "ARGV", "\"files", "\"daemon", "\"listeners"};
  try {
    const std::string text = read_file(program, max_script_bytes);
    return !text.starts_with("#!") ||
           std::ranges::any_of(words, [&](const char* word) { return text.find(word) != std::string::npos; });
  } catch (const Error&) {  // it may be executable only, or larger than any script
    return true;
  }
}

bool is_json_object(std::string_view text) {
  return trim(text).starts_with('{');
}

}  // namespace

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
  if (target.listed) return describe_listed(target, delivery);
  Description plain_script{.plain_script = true, .daemon = "hook " + program.filename().string()};
  if (!is_worth_asking(program)) return plain_script;
  const HookAnswer answer = run_hook(clock, program, HookEvent::describe, target, delivery, target.configure);
  if (!answer.handled || !is_json_object(answer.standard_output)) return plain_script;
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
