#include "config/cli.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "base/text.h"
#include "base/version.h"

namespace mxcert::config {
namespace {

constexpr int usage_error = 2;

void add_global_options(CLI::App& app, CommandLine& line) {
  app.add_option("--config", line.options.config_file, fmt::format("configuration file ({})", default_config_file))
      ->type_name("FILE");
  app.add_option("--state-dir", line.options.state_dir, "where keys and certificates are kept (/var/lib/mxcert)")
      ->type_name("DIR");
  app.add_option_function<unsigned>(
         "--lock-timeout", [&line](unsigned seconds) { line.invocation.lock_timeout = std::chrono::seconds(seconds); },
         "how long to wait for another run, in seconds (60)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0U, 86'400U).description(""));
  app.add_flag("--json", line.invocation.json, "the result as one JSON document");
  app.add_flag("-q,--quiet", line.invocation.quiet, "nothing on stdout but what was asked for, and errors on stderr");
  app.add_flag("-v,--verbose", line.invocation.verbose, "every step");
  app.add_flag("--dry-run", line.invocation.dry_run, "say what would be done, and do nothing");
  app.add_flag("--no-color", line.no_color, "no colours, even on a terminal");
  app.set_version_flag("--version", fmt::format("mxcert {}", program_version));
}

void add_planning_options(CLI::App& app, ConfigOptions& options) {
  const char* group = "Which names (instead of, or besides, the configuration)";
  app.add_option("--domain", options.domains, "a mail domain that this host takes mail for; may repeat")
      ->type_name("DOMAIN")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--from", options.domains_from,
                 "ask a mail server which domains it takes mail for: exim, postfix; may repeat")
      ->type_name("SERVER")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--extra-name", options.extra_names, "a name to put in besides the MX hosts; may repeat")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->group(group);
  app.add_flag("--srv", options.services, "also the hosts in SRV records for submission, IMAP and POP3")->group(group);
  app.add_option("--address", options.addresses, "an address of ours besides the interfaces' (NAT); may repeat")
      ->type_name("ADDRESS")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--sibling", options.siblings, "an address of another host that shares the certificate; may repeat")
      ->type_name("ADDRESS")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--host-name", options.host_names, "MX hosts that are ours whatever they resolve to; may repeat")
      ->type_name("PATTERN")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--host-exclude", options.host_exclude, "MX hosts that are not ours; may repeat")
      ->type_name("PATTERN")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--pack", options.pack, "shared: few certificates (the default), or per-host: one for each MX host")
      ->type_name("HOW")
      ->group(group);
  app.add_option("--max-names", options.max_names, "names on one certificate at most (100)")
      ->type_name("NUMBER")
      ->check(CLI::Range(1, 1000).description(""))
      ->group(group);
  app.add_option("--keep-for", options.keep_for,
                 "how long a name stays that is on a certificate and not wanted any more (7d)")
      ->type_name("TIME")
      ->group(group);
  app.add_option("--renew-before", options.renew_before,
                 "how long before the end to renew, when the CA does not say: 1/3 of the lifetime, 30d or 12h")
      ->type_name("TIME")
      ->group(group);
  app.add_option("--dns-server", options.dns_servers, "a resolver instead of /etc/resolv.conf; may repeat")
      ->type_name("ADDRESS[@PORT]")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--trust-anchor", options.trust_anchor, "the DNSSEC trust anchor (/usr/share/dns/root.key)")
      ->type_name("FILE")
      ->group(group);
}

void add_trust_option(CLI::App& app, ConfigOptions& options) {
  app.add_option("--ca-trust", options.ca_trust, "roots for the directory's own HTTPS, besides the system's")
      ->type_name("FILE")
      ->group("Where from");
}

void add_account_options(CLI::App& app, ConfigOptions& options) {
  const char* group = "Where from";
  app.add_option("--ca", options.ca, join(known_cas(), ", ") + " or the URL of a directory")
      ->type_name("CA")
      ->group(group);
  add_trust_option(app, options);
  app.add_option("--timeout", options.ca_timeout, "the longest that one order may take, in seconds (600)")
      ->type_name("SECONDS")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{longest_order.count()}).description(""))
      ->group(group);
  app.add_option("--email", options.email, "contact of the account; may repeat")
      ->type_name("ADDRESS")
      ->allow_extra_args(false)
      ->group(group);
  app.add_flag("--agree-tos", options.agree_tos, "agree to the CA's terms of service")->group(group);
  app.add_option("--eab-kid", options.eab_kid, "key identifier of your account on the CA's site")
      ->type_name("ID")
      ->group(group);
  app.add_option("--eab-key-file", options.eab_key_file, "file with the HMAC key that belongs to it")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--account-key", options.account_key, "key type of a new account (ecdsa-p256)")
      ->type_name("TYPE")
      ->group(group);
}

void add_ca_options(CLI::App& app, ConfigOptions& options) {
  add_account_options(app, options);
  const char* group = "Where from";
  app.add_option("--profile", options.profile, "the kind of certificate, of those that the CA offers")
      ->type_name("NAME")
      ->group(group);
  app.add_option("--preferred-chain", options.preferred_chain,
                 "of several chains the one whose topmost certificate is issued by this common name")
      ->type_name("ISSUER")
      ->group(group);
  app.add_flag("--placeholder", options.placeholder,
               "until the CA has issued, a certificate of the internal CA where nothing else is served")
      ->group(group);
  app.add_option("--key-type", options.key_types,
                 "ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072 or rsa-4096; twice to serve ECDSA and RSA")
      ->type_name("TYPE")
      ->allow_extra_args(false)
      ->group(group);
  app.add_flag("--new-key", options.new_key, "do not reuse the live certificate's key (mind your TLSA records)")
      ->group(group);
  app.add_option("--listen", options.listen, "where to answer the CA (http-01: port 80 everywhere); may repeat")
      ->type_name("ADDRESS:PORT")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--challenge", options.challenge,
                 "how to show that names are ours: http-01, tls-alpn-01, dns-persist-01")
      ->type_name("TYPE")
      ->group(group);
  app.add_option("--webroot", options.webroot, "answer http-01 by files in this directory of a web server")
      ->type_name("DIR")
      ->group(group);
}

void add_deploy_options(CLI::App& app, ConfigOptions& options) {
  const char* group = "Where to";
  app.add_option("--deploy", options.deploy, "a shipped hook (exim) or the path of one; may repeat")
      ->type_name("HOOK")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--verify", options.verify, "where to look, instead of where the hook says; may repeat")
      ->type_name("ADDRESS:PORT")
      ->allow_extra_args(false)
      ->group(group);
  app.add_flag("--configure", options.configure, "let the hook set up the daemon for TLS")->group(group);
}

CLI::App* add_command(CLI::App& app, CommandLine& line, Verb verb, const char* name, const char* description) {
  CLI::App* command = app.add_subcommand(name, description);
  command->fallthrough();  // global options may stand behind the command
  command->callback([&line, verb] { line.invocation.verb = verb; });
  return command;
}

void add_revoke_command(CLI::App& app, CommandLine& line) {
  CLI::App* revoke = add_command(app, line, Verb::revoke, "revoke", "have the CA revoke the live version");
  revoke->add_option("NAME", line.invocation.arguments, "the certificate")->type_name("")->required()->expected(1);
  revoke
      ->add_option("--reason", line.invocation.revocation_reason,
                   "unspecified, keyCompromise, affiliationChanged, superseded or cessationOfOperation")
      ->type_name("REASON");
  revoke->add_flag("--certificate-key", line.invocation.by_certificate_key,
                   "sign with the certificate's key instead of the account's");
  add_trust_option(*revoke, line.options);
}

void add_account_commands(CLI::App& app, CommandLine& line) {
  CLI::App* account = app.add_subcommand("account", "the account at the CA");
  account->fallthrough()->require_subcommand(1);
  for (CLI::App* command :
       {add_command(*account, line, Verb::account_show, "show", "what the CA knows about the account"),
        add_command(*account, line, Verb::account_register, "register", "make an account, or find it by its key"),
        add_command(*account, line, Verb::account_update, "update", "tell the CA the contacts as they are configured"),
        add_command(*account, line, Verb::account_rollover, "rollover", "a new key for the same account"),
        add_command(*account, line, Verb::account_deactivate, "deactivate", "end the account, for ever")})
    add_account_options(*command, line.options);
}

void add_commands(CLI::App& app, CommandLine& line) {
  std::vector<std::string>& arguments = line.invocation.arguments;
  CLI::App* plan = add_command(app, line, Verb::plan, "plan", "what would be ordered, and why each name is in or out");
  plan->add_option("DOMAIN", arguments, "only what concerns these mail domains")->type_name("");
  plan->add_option("--explain", line.invocation.explain, "instead, all that is known about one mail domain or name")
      ->type_name("NAME");
  add_planning_options(*plan, line.options);

  CLI::App* issue = add_command(app, line, Verb::issue, "issue",
                                "get what the plan needs now, install it and prove that it is served");
  issue->add_option("DOMAIN", arguments, "only what concerns these mail domains")->type_name("");
  CLI::App* renew = add_command(app, line, Verb::renew, "renew", "for cron and timers: whatever is due, else silence");
  for (CLI::App* command : {plan, issue, renew})
    command->add_flag("--prune", line.invocation.prune,
                      "names that are definitely not wanted any more go without waiting");
  for (CLI::App* command : {issue, renew}) {
    add_planning_options(*command, line.options);
    add_ca_options(*command, line.options);
    add_deploy_options(*command, line.options);
  }

  CLI::App* deploy = add_command(app, line, Verb::deploy, "deploy", "install the stored certificates again and verify");
  deploy->add_option("NAME", arguments, "only these certificates")->type_name("");
  add_deploy_options(*deploy, line.options);
  for (CLI::App* command : {issue, renew, deploy}) {
    command->add_flag("--drop-names", line.invocation.drop_names,
                      "names that are served now, and that the new certificate lacks, may go");
    command->add_flag(
        "--allow-untrusted", line.invocation.allow_untrusted,
        "the new certificate may be one that this host does not trust, though it does what is served now");
  }
  CLI::App* rollback = add_command(app, line, Verb::rollback, "rollback", "the previous version back into service");
  rollback->add_option("NAME", arguments, "the certificate")->type_name("")->required()->expected(1);
  add_deploy_options(*rollback, line.options);
  add_revoke_command(app, line);
  add_command(app, line, Verb::status, "status", "stored certificates, what serves them, when they are due");
  CLI::App* tlsa =
      add_command(app, line, Verb::tlsa, "tlsa", "the DANE records to publish, compared with those that are");
  tlsa->add_option("NAME", arguments, "only for these certificates")->type_name("");
  add_account_commands(app, line);
  CLI::App* config = app.add_subcommand("config", "the configuration");
  config->fallthrough()->require_subcommand(1);
  add_command(*config, line, Verb::config_check, "check", "read the configuration and explain it");
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

/// The first word of the command line that is no option and no command: CLI11 only misses the command.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  const std::vector<std::string> names = command_names(app);
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (std::ranges::find(names, word) != names.end()) return {};
    if (!word.starts_with('-')) return word;
  }
  return {};
}

void tell_usage_error(const CLI::App& app, const CLI::ParseError& e, int argc, char** argv) {
  const std::string unknown = unknown_command(app, argc, argv);
  const auto meant = closest_match(unknown, command_names(app));
  const bool no_command = app.get_subcommands().empty() && e.get_name() == "RequiredError";
  const std::string cause = !no_command       ? std::string(e.what())
                            : unknown.empty() ? "no command"
                                              : "unknown command " + unknown;
  std::cerr << "mxcert: error: " << printable(cause) << "\nhint: "
            << (no_command && meant ? "did you mean mxcert " + *meant + "?"
                                    : "see mxcert --help, or mxcert COMMAND --help")
            << '\n';
}

}  // namespace

std::optional<CommandLine> parse_command_line(int argc, char** argv, int& exit_status) {
  CommandLine line;
  CLI::App app(
      "mxcert keeps the certificates of mail servers: it finds the MX host names of your mail domains,\n"
      "gets a certificate for exactly them, installs it and proves that it is served.");
  app.name("mxcert");
  app.option_defaults()->always_capture_default(false);
  app.get_formatter()->column_width(34);
  add_global_options(app, line);
  add_commands(app, line);
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done or nothing to do, 1 something failed, 2 usage or configuration,\n75 another run holds the "
      "lock. mxcert(1) and mxcert.toml(5) tell the rest.");
  try {
    app.parse(argc, argv);
    return line;
  } catch (const CLI::Success& answered) {
    exit_status = app.exit(answered, std::cout, std::cerr);
  } catch (const CLI::ParseError& e) {
    tell_usage_error(app, e, argc, argv);
    exit_status = usage_error;
  }
  return std::nullopt;
}

}  // namespace mxcert::config
