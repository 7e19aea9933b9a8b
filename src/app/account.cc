#include <fmt/format.h>

#include "app/commands.h"
#include "app/context.h"
#include "base/error.h"
#include "base/text.h"
#include "issue/ca.h"
#include "issue/internal_ca.h"
#include "issue/persistent_record.h"
#include "report/json.h"
#include "report/table.h"

namespace mxcert::app {
namespace {

/// For all that is said to the CA in one run.
constexpr std::chrono::minutes account_deadline{2};

/// What is told about the account.
struct AccountReport {
  std::string directory = {};
  std::string result = {};      // of the command: shown, found, registered, updated, rolled_over, deactivated, planned
  std::string status = "none";  // none, unknown (the CA did not say), or as the CA has it
  std::string url = {};
  std::vector<std::string> contacts = {};  // as the CA has them, without `mailto:`
  std::string key_type = {};
  std::string thumbprint = {};  // of the key (RFC 7638)
  std::filesystem::path key_file = {};
  std::vector<issue::PersistentRecord> records = {};  // to publish for dns-persist-01; only of show
};

bool changes_something(const Context& context) {
  return context.invocation.verb != config::Verb::account_show && !context.invocation.dry_run;
}

void add_account(AccountReport& report, const acme::Account& account) {
  report.status = acme::to_string(account.status);
  if (!account.url.empty()) report.url = account.url;
  for (const std::string& contact : account.contacts)
    report.contacts.push_back(contact.starts_with("mailto:") ? contact.substr(7) : contact);
}

/// What is known without asking anybody.
void add_key(AccountReport& report, Context& context, issue::CertificateAuthority& ca) {
  const pki::PrivateKey* key = ca.account_key();
  if (key == nullptr) return;
  report.key_type = pki::to_string(key->type());
  report.thumbprint = acme::parse_public_key(key->public_key_der()).thumbprint;
  report.key_file = context.store.accounts.path(ca.config().directory_url) / "key.pem";
  if (!report.url.empty()) return;
  if (const auto known = context.store.accounts.find(ca.config().directory_url)) report.url = known->url;
}

report::Json to_json(const AccountReport& report) {
  const auto text_or_null = [](const std::string& text) { return text.empty() ? report::Json() : report::Json(text); };
  return {{"directory", report.directory},
          {"url", text_or_null(report.url)},
          {"status", report.status},
          {"contacts", report.contacts},
          {"key_type", text_or_null(report.key_type)},
          {"thumbprint", text_or_null(report.thumbprint)}};
}

report::Json to_json(const std::vector<issue::PersistentRecord>& records) {
  report::Json entries = report::Json::array();
  for (const issue::PersistentRecord& record : records)
    entries.push_back({{"name", record.name}, {"type", "TXT"}, {"value", record.value}});
  return entries;
}

std::string to_text(const AccountReport& report, const report::TextStyle& style) {
  std::vector<report::Row> rows{{"directory", report.directory}, {"status", report.status}};
  if (report.result != "shown") rows.insert(rows.begin(), {"result", report.result});
  if (!report.url.empty()) rows.push_back({"url", report.url});
  if (!report.contacts.empty()) rows.push_back({"contacts", join(report.contacts, ", ")});
  if (!report.key_type.empty()) {
    rows.push_back({"key", fmt::format("{} in {}", report.key_type, report.key_file.string())});
    rows.push_back({"thumbprint", report.thumbprint});
  }
  std::string text = report::format_table(rows, style);
  if (!report.records.empty()) text += "\nto publish for dns-persist-01:\n";
  for (const issue::PersistentRecord& record : report.records)
    text += to_string(record) + '\n';  // never broken: it is there to be copied
  return text;
}

void print(const Context& context, const AccountReport& report) {
  if (context.invocation.quiet && !context.invocation.json && changes_something(context)) return;
  if (context.invocation.json) {
    report::Json document{{"version", 1}, {"result", report.result}, {"account", to_json(report)}};
    if (context.invocation.verb == config::Verb::account_show) document["records"] = to_json(report.records);
    report::add_findings(document, context.report);
    return report::write_result(report::dump(document));
  }
  report::write_result(to_text(report, {.width = context.terminal.width, .color = context.terminal.color}));
}

/// A CA that cannot be asked is an error, but what is known here is told all the same.
void show(Context& context, issue::CertificateAuthority& ca, AccountReport& report, Deadline deadline) {
  report.result = context.invocation.dry_run ? "planned" : "shown";
  if (ca.account_key() == nullptr) return;
  report.status = "unknown";
  try {
    const auto account = ca.find_account(deadline);
    if (account) return add_account(report, *account);
    report.status = "none";
    context.report.add_warning({.code = "account_unknown_to_ca",
                                .subject = report.directory,
                                .message = fmt::format("{} has no account for the stored key", report.directory),
                                .hint = "mxcert account register makes one; so does the next order"});
  } catch (const Error& e) {
    context.report.add_error(e, report.directory);
  }
}

/// An account that was deactivated stays so: the new one has a new key.
void register_account(issue::CertificateAuthority& ca, AccountReport& report, Deadline deadline) {
  const auto found = ca.find_account(deadline);
  if (found && found->status == acme::Account::Status::valid) {
    report.result = "found";
    return add_account(report, *found);
  }
  if (found) ca.retire_account();
  report.result = "registered";
  add_account(report, ca.create_account(deadline));
}

/// To deactivate what is deactivated is no mistake.
void deactivate(issue::CertificateAuthority& ca, AccountReport& report, Deadline deadline) {
  const auto found = ca.find_account(deadline);
  if (!found || found->status == acme::Account::Status::valid) ca.deactivate_account(deadline);
  report.status = acme::to_string(acme::Account::Status::deactivated);
}

void roll_over(issue::CertificateAuthority& ca, AccountReport& report, Deadline deadline) {
  ca.roll_over_key(deadline);
  if (const auto account = ca.find_account(deadline)) add_account(report, *account);
}

void act(Context& context, issue::CertificateAuthority& ca, AccountReport& report) {
  const Deadline deadline = Deadline::after(context.clock, account_deadline);
  if (!changes_something(context)) return show(context, ca, report, deadline);
  switch (context.invocation.verb) {
    case config::Verb::account_update:
      report.result = "updated";
      return add_account(report, ca.update_contacts(deadline));
    case config::Verb::account_rollover:
      report.result = "rolled_over";
      return roll_over(ca, report, deadline);
    case config::Verb::account_deactivate:
      report.result = "deactivated";
      return deactivate(ca, report, deadline);
    default:
      return register_account(ca, report, deadline);
  }
}

/// In the place of an account: what there is to trust. In text the certificate is last, and tools that read PEM skip
/// the rest.
void show_internal_root(const Context& context) {
  if (context.invocation.verb != config::Verb::account_show)
    throw ConfigError("the internal CA has no accounts", "mxcert account show has its root certificate");
  const auto root = issue::find_internal_root(context.store.internal_authority);
  if (context.invocation.json) {
    report::Json document{{"version", 1}, {"result", "shown"}, {"account", nullptr}, {"root", nullptr}};
    if (root)
      document["root"] = {{"certificate", root->pem},
                          {"file", context.store.internal_authority.certificate_path().string()},
                          {"subject", root->subject},
                          {"not_after", format_time(root->not_after)},
                          {"fingerprint", root->sha256_fingerprint}};
    report::add_findings(document, context.report);
    return report::write_result(report::dump(document));
  }
  if (!root) return report::write_result("the internal CA was never asked for a certificate: it has no root yet\n");
  const std::vector<report::Row> rows{{"root", root->subject},
                                      {"file", context.store.internal_authority.certificate_path().string()},
                                      {"expires", format_time(root->not_after)},
                                      {"sha256", root->sha256_fingerprint}};
  const report::TextStyle style{.width = context.terminal.width, .color = context.terminal.color};
  report::write_result(report::format_table(rows, style) + "\n" + root->pem);
}

}  // namespace

void run_account(Context& context) {
  if (is_internal(context.config.ca)) return show_internal_root(context);
  issue::CertificateAuthority ca(context.run, context.config.ca);
  std::optional<store::Lock> lock;
  if (changes_something(context) || ca.account_key() != nullptr) lock = context.lock();
  AccountReport report{.directory = ca.config().directory_url};
  if (!lock) context.read_inventory();
  act(context, ca, report);
  add_key(report, context, ca);
  // A record for an account that the CA has forgotten would be of no use to the next one.
  if (context.invocation.verb == config::Verb::account_show && report.status != "none")
    report.records = issue::find_persistent_records(context.config, context.store.accounts, context.inventory);
  print(context, report);
}

}  // namespace mxcert::app
