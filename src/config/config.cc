#include "config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <span>

#include "base/error.h"
#include "base/files.h"
#include "base/name_table.h"
#include "base/process.h"
#include "base/text.h"
#include "config/config_values.h"
#include "config/deploy_config.h"
#include "config/toml_section.h"
#include "dns/wildcard.h"
#include "mx/domain_sources.h"
#include "mx/mail_servers.h"

namespace mxcert::config {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t max_config_bytes = 4 << 20;
constexpr std::size_t max_domain_file_bytes = 64 << 20;

// Each of these takes one value from the file or from the command line.

void add_contact(Config& config, const SourcedText& contact) {
  std::string address = contact.text;
  if (address.starts_with("mailto:")) address.erase(0, 7);
  const auto at = address.find('@');
  if (at == std::string::npos || at == 0 || at + 1 == address.size() ||
      address.find_first_of(" \t\r\n,?<>\"") != std::string::npos)
    throw ConfigError(fmt::format("{}: {} is not an e-mail address", contact.where, printable(contact.text, 200)));
  config.contact.push_back(address);
}

void add_domain(Config& config, const SourcedText& domain, const std::string& source) {
  const dns::DnsName name = parse_name(domain);
  config.domains.push_back({name, source});
}

/// One domain a line; blank lines and what follows a # are ignored.
void add_domain_file(Config& config, const SourcedText& file) {
  const std::string text = located(file.where, [&] { return read_file(file.text, max_domain_file_bytes); });
  std::size_t line_number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++line_number;
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const dns::DnsName name = parse_name({std::string(line), fmt::format("{}:{}", file.text, line_number)});
    config.domains.push_back({name, file.text});
  }
}

/// A program that prints domains, and its arguments.
void set_domain_command(Config& config, const std::vector<SourcedText>& command) {
  const SourcedText& program = command.front();
  absolute_path(program);
  located(program.where, [&] { require_trusted_program(program.text, printable(program.text, 300)); });
  for (const SourcedText& argument : command)
    config.domain_command.push_back(argument.text);
}

void add_mail_server(Config& config, const SourcedText& server) {
  const std::vector<std::string> known = mx::mail_servers();
  if (std::ranges::find(known, server.text) == known.end()) {
    const auto near = closest_match(server.text, known);
    throw ConfigError(
        fmt::format("{}: {} is no mail server that can be asked", server.where, printable(server.text, 100)),
        near ? fmt::format("did you mean {}?", *near) : "known: " + join(known, ", "));
  }
  if (std::ranges::find(config.domains_from, server.text) == config.domains_from.end())
    config.domains_from.push_back(server.text);
}

dns::IpAddress parse_address(const SourcedText& address) {
  return located(address.where, [&] { return dns::IpAddress::parse(address.text); });
}

mx::HostPattern parse_pattern(const SourcedText& pattern) {
  return located(pattern.where, [&] { return mx::HostPattern::parse(pattern.text); });
}

constexpr auto pack_names = name_table<mx::Pack>({{mx::Pack::shared, "shared"}, {mx::Pack::per_host, "per-host"}});

void set_pack(Config& config, const SourcedText& pack) {
  const auto known = value_of(pack_names, pack.text);
  if (!known)
    throw ConfigError(fmt::format("{}: {} is no way to pack names", pack.where, printable(pack.text, 100)),
                      "write shared (few certificates) or per-host (one for each MX host)");
  config.pack = *known;
}

void set_keep_for(Config& config, const SourcedText& time) {
  const auto duration = parse_days_or_hours(time.text);
  if (!duration)
    throw ConfigError(fmt::format("{}: {} is no number of days or hours", time.where, printable(time.text, 100)),
                      "write it like 7d or 36h");
  config.keep_for = *duration;
}

void read_domains(Config& config, TomlSection section) {
  for (const SourcedText& domain : section.list("list"))
    add_domain(config, domain, "config");
  for (const SourcedText& file : section.list("files"))
    add_domain_file(config, file);
  if (const auto command = section.list("command"); !command.empty()) set_domain_command(config, command);
  for (const SourcedText& server : section.list("from"))
    add_mail_server(config, server);
  section.finish();
}

void read_hosts(Config& config, TomlSection section) {
  for (const SourcedText& address : section.list("addresses"))
    config.host_addresses.push_back(parse_address(address));
  for (const SourcedText& address : section.list("siblings"))
    config.host_siblings.push_back(parse_address(address));
  for (const SourcedText& name : section.list("names"))
    config.host_names.push_back(parse_pattern(name));
  for (const SourcedText& name : section.list("exclude"))
    config.host_exclude.push_back(parse_pattern(name));
  section.finish();
}

void read_dns(Config& config, TomlSection section) {
  for (const SourcedText& server : section.list("servers"))
    config.dns_servers.push_back(server.text);
  if (const auto anchor = section.text("trust_anchor")) config.trust_anchor = absolute_path(*anchor);
  section.finish();
}

void read_certificate(Config& config, TomlSection section) {
  if (const auto keys = section.texts("keys")) config.key_types = parse_key_types(*keys, section.where());
  if (const auto reuse = section.flag("reuse_key")) config.reuse_key = *reuse;
  for (const SourcedText& name : section.list("extra_names"))
    config.extra_names.push_back(parse_certificate_name(name));
  if (const auto srv = section.flag("srv")) config.services = *srv;
  if (const auto time = section.text("keep_for")) set_keep_for(config, *time);
  if (const auto pack = section.text("pack")) set_pack(config, *pack);
  if (const auto max = section.number("max_names", 1, 1000)) config.max_names = static_cast<std::size_t>(*max);
  section.finish();
}

void read_document(Config& config, TomlSection document) {
  for (const SourcedText& contact : document.list("contact"))
    add_contact(config, contact);
  if (const auto agree = document.flag("agree_tos")) config.agree_tos = *agree;
  if (const auto path = document.text("state_dir")) config.state_dir = absolute_path(*path);
  if (auto section = document.section("ca")) read_ca(config.ca, std::move(*section));
  if (auto section = document.section("challenge")) read_challenge(config.challenge, std::move(*section));
  if (auto section = document.section("renew")) read_renew(config.renew, std::move(*section));
  const std::pair<const char*, void (*)(Config&, TomlSection)> readers[] = {
      {"domains", read_domains}, {"hosts", read_hosts}, {"dns", read_dns}, {"certificate", read_certificate}};
  for (const auto& [key, read] : readers)
    if (auto section = document.section(key)) read(config, std::move(*section));
  for (TomlSection& section : document.sections("deploy"))
    config.targets.push_back(read_deploy(std::move(section)));
  document.finish();
}

void read_config_file(Config& config, const std::string& file, const std::string& text) {
  config.file = file;
  try {
    const toml::table table = toml::parse(text, file);
    read_document(config, TomlSection(table, "", file));
  } catch (const toml::parse_error& e) {
    const auto begin = e.source().begin;
    throw ConfigError(
        fmt::format("{}:{}:{}: not valid TOML: {}", file, begin.line, begin.column, printable(e.description(), 300)),
        "the format is described at toml.io; texts need quotes");
  }
}

/// What belongs to the CA that the file names does not go to another one; one of its fallbacks is taken as it is
/// written.
void choose_ca(CaConfig& ca, const std::string& name) {
  CaConfig chosen = ca;
  set_ca(chosen, {name, "--ca"});
  if (const CaConfig* known = find_ca(ca, chosen.directory_url)) {
    ca = CaConfig(*known);
    return;
  }
  chosen.eab.reset();
  chosen.profile.clear();
  chosen.preferred_chain.clear();
  chosen.fallback.clear();
  ca = std::move(chosen);
}

void set_for_all(CaConfig& first, const ConfigOptions& options) {
  if (options.ca_timeout) first.timeout = std::chrono::seconds(*options.ca_timeout);
  if (options.account_key) first.account_key = parse_key_type({*options.account_key, "--account-key"});
  for (CaConfig& fallback : first.fallback)
    set_for_all(fallback, options);
}

void apply_options(Config& config, const ConfigOptions& options) {
  if (options.state_dir) config.state_dir = make_absolute(*options.state_dir);
  if (options.ca) choose_ca(config.ca, *options.ca);
  set_eab(config.ca, options.eab_kid, options.eab_key_file);
  if (options.profile) set_profile(config.ca, {*options.profile, "--profile"});
  if (options.preferred_chain) set_preferred_chain(config.ca, {*options.preferred_chain, "--preferred-chain"});
  if (options.ca_trust) config.ca.trust = make_absolute(*options.ca_trust);
  if (options.placeholder) config.ca.placeholder = true;
  set_for_all(config.ca, options);
  if (!options.key_types.empty()) {
    std::vector<SourcedText> types;
    for (const std::string& type : options.key_types)
      types.push_back({type, "--key-type"});
    config.key_types = parse_key_types(types, "--key-type");
  }
  if (options.trust_anchor) config.trust_anchor = make_absolute(*options.trust_anchor);
  if (options.keep_for) set_keep_for(config, {*options.keep_for, "--keep-for"});
  if (options.pack) set_pack(config, {*options.pack, "--pack"});
  if (options.max_names) config.max_names = *options.max_names;
  if (options.renew_before) set_renew_before(config.renew, {*options.renew_before, "--renew-before"});
  if (options.agree_tos) config.agree_tos = true;
  if (options.services) config.services = true;
  if (options.new_key) config.reuse_key = false;
  for (const std::string& address : options.email)
    add_contact(config, {address, "--email"});
  for (const std::string& domain : options.domains)
    add_domain(config, {domain, "--domain"}, "command line");
  for (const std::string& server : options.domains_from)
    add_mail_server(config, {server, "--from"});
  for (const std::string& name : options.extra_names)
    config.extra_names.push_back(parse_certificate_name({name, "--extra-name"}));
  for (const std::string& address : options.addresses)
    config.host_addresses.push_back(parse_address({address, "--address"}));
  for (const std::string& address : options.siblings)
    config.host_siblings.push_back(parse_address({address, "--sibling"}));
  for (const std::string& name : options.host_names)
    config.host_names.push_back(parse_pattern({name, "--host-name"}));
  for (const std::string& name : options.host_exclude)
    config.host_exclude.push_back(parse_pattern({name, "--host-exclude"}));
  config.dns_servers.insert(config.dns_servers.end(), options.dns_servers.begin(), options.dns_servers.end());
  if (options.challenge) {
    set_challenge_type(config.challenge.method, {*options.challenge, "--challenge"});
    require_complete(config.challenge.method, "--challenge");
  }
  for (const std::string& address : options.listen)
    add_listen_address(config.challenge.method, {address, "--listen"});
  if (options.webroot) set_webroot(config.challenge.method, {make_absolute(*options.webroot).string(), "--webroot"});
  apply_deploy_options(config.targets, options);
}

/// Whoever answers on a port shows control over one name only (RFC 8555 §8.3, RFC 8737 §3).
void require_dns_for_wildcards(const Config& config) {
  for (const dns::DnsName& name : config.extra_names) {
    const auto type = config.challenge.method_for(name).type;
    if (dns::is_wildcard(name) && port_of(type) != 0)
      throw ConfigError(fmt::format("certificate.extra_names: no CA gives a certificate for {} by {}", name.unicode(),
                                    to_string(type)),
                        fmt::format("wildcards need dns-01 or dns-persist-01: say so in [challenge], or in "
                                    "[[challenge.for]] with names = [\"{}\"]",
                                    name.unicode()));
  }
}

/// The first few by name, the rest by number.
std::string describe_domains(const Config& config) {
  constexpr std::size_t shown = 5;
  std::string text = config.domains.empty() ? "none" : "";
  for (std::size_t i = 0; i < std::min(shown, config.domains.size()); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", dns::display_name(config.domains[i].name));
  if (config.domains.size() > shown) text += fmt::format(" and {} more", config.domains.size() - shown);
  return text;
}

}  // namespace

Config load_config(const ConfigOptions& options) {
  Config config;
  const std::string file = options.config_file.value_or(default_config_file);
  if (const auto text = located(file, [&] { return read_file_if_exists(file, max_config_bytes); })) {
    read_config_file(config, file, *text);
  } else if (options.config_file) {
    throw ConfigError(fmt::format("{}: there is no such file", file), "mxcert.toml(5) has an example to begin with");
  }
  apply_options(config, options);
  require_dns_for_wildcards(config);
  config.domains = mx::merge_domains(std::move(config.domains));
  return config;
}

void require_domains(const Config& config) {
  if (!config.domains.empty() || !config.domain_command.empty() || !config.domains_from.empty() ||
      !config.extra_names.empty())
    return;
  if (config.file.empty())
    throw ConfigError(
        fmt::format("there is no configuration: no {} and no --domain", default_config_file),
        "name the mail domains: mxcert issue --domain example.com --email postmaster@example.com --agree-tos "
        "--ca letsencrypt-staging --deploy exim");
  throw ConfigError(fmt::format("{}: no mail domains", config.file),
                    "add [domains] list = [\"example.com\"], or --domain example.com");
}

std::vector<std::pair<std::string, std::string>> explain_config(const Config& config) {
  const auto yes_no = [](bool value) { return std::string(value ? "yes" : "no"); };
  std::vector<std::string> extra;
  for (const auto& name : config.extra_names)
    extra.push_back(name.unicode());
  std::vector<std::string> fallbacks;
  for (const CaConfig& ca : config.ca.fallback)
    fallbacks.push_back(ca.name);
  std::vector<std::string> keys;
  for (const pki::KeyType type : config.key_types)
    keys.emplace_back(pki::to_string(type));
  const auto list = [](const std::vector<std::string>& items, const char* otherwise) {
    return items.empty() ? std::string(otherwise) : join(items, ", ");
  };
  const auto addresses = [](const std::vector<dns::IpAddress>& items) {
    std::vector<std::string> texts;
    for (const dns::IpAddress& item : items)
      texts.push_back(item.to_string());
    return texts;
  };
  const auto patterns = [](const std::vector<mx::HostPattern>& items) {
    std::vector<std::string> texts;
    texts.reserve(items.size());
    for (const mx::HostPattern& item : items)
      texts.push_back(item.text());
    return texts;
  };
  std::vector<std::pair<std::string, std::string>> settings{
      {"file", config.file.empty() ? fmt::format("none ({} does not exist)", default_config_file) : config.file},
      {"contact", list(config.contact, "none")},
      {"agree_tos", yes_no(config.agree_tos)},
      {"state_dir", config.state_dir.string()},
      {"ca.directory", config.ca.name == config.ca.directory_url
                           ? config.ca.name
                           : fmt::format("{} ({})", config.ca.name, config.ca.directory_url)},
      {"ca.profile", config.ca.profile.empty() ? "the CA's default" : config.ca.profile},
      {"ca.preferred_chain", config.ca.preferred_chain.empty() ? "the CA's default" : config.ca.preferred_chain},
      {"ca.trust",
       config.ca.trust.empty() ? "the system's roots" : config.ca.trust.string() + " besides the system's roots"},
      {"ca.timeout", format_duration(config.ca.timeout)},
      {"ca.eab", config.ca.eab ? fmt::format("{} with the HS{} key in {}", config.ca.eab->key_id,
                                             config.ca.eab->sha_bits, config.ca.eab->key_file.string())
                               : "none"},
      {"ca.requests_per_second", config.ca.requests_per_second > 0
                                     ? fmt::format("{:.0f}", config.ca.requests_per_second)
                                     : "as many as it takes"},
      {"ca.fallback", list(fallbacks, "none")},
      {"ca.placeholder", yes_no(config.ca.placeholder)},
      {"ca.account_key", std::string(pki::to_string(config.ca.account_key))},
      {"domains", describe_domains(config)},
      {"domains.from", list(config.domains_from, "none")},
      {"domains.command", config.domain_command.empty() ? "none" : printable(join(config.domain_command, " "))},
      {"hosts.addresses", list(addresses(config.host_addresses), "those of the interfaces")},
      {"hosts.siblings", list(addresses(config.host_siblings), "none")},
      {"hosts.names", list(patterns(config.host_names), "none")},
      {"hosts.exclude", list(patterns(config.host_exclude), "none")},
      {"dns.servers", list(config.dns_servers, "as in /etc/resolv.conf")},
      {"dns.trust_anchor", config.trust_anchor ? config.trust_anchor->string() : "the system's"},
      {"certificate.keys", list(keys, "")},
      {"certificate.reuse_key", yes_no(config.reuse_key)},
      {"certificate.extra_names", list(extra, "none")},
      {"certificate.srv", yes_no(config.services)},
      {"certificate.keep_for", format_duration(config.keep_for)},
      {"certificate.pack", std::string(name_of(pack_names, config.pack))},
      {"certificate.max_names", std::to_string(config.max_names)},
  };
  std::ranges::copy(explain_challenge(config.challenge), std::back_inserter(settings));
  settings.emplace_back("renew.before", config.renew.before.empty()
                                            ? "1/3 of the lifetime, 1/2 when that is under ten days"
                                            : config.renew.before);
  std::ranges::copy(explain_deploy(config.targets), std::back_inserter(settings));
  return settings;
}

}  // namespace mxcert::config
