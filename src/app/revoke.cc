#include <fmt/format.h>

#include <algorithm>

#include "app/ca.h"
#include "app/commands.h"
#include "app/context.h"
#include "app/json.h"
#include "app/revocation.h"
#include "base/error.h"
#include "base/text.h"

namespace mxcert::app {
namespace {

/// For all that is said to the CA in one run.
constexpr std::chrono::minutes revoke_deadline{2};

struct RevokeReport {
  std::string name = {};
  std::string number = {};
  std::vector<std::string> names = {};
  std::string serial = {};
  std::string reason = {};
  std::string by = {};      // account, certificate_key
  std::string result = {};  // revoked, already_revoked, planned
};

store::Version find_version(const Context& context, const std::string& name) {
  const std::vector<std::string> stored = context.certificates.names();
  if (std::ranges::find(stored, name) == stored.end())
    throw ConfigError(fmt::format("there is no certificate {}", printable(name, 300)),
                      stored.empty() ? "none is stored yet" : "stored are " + join(stored, ", "));
  const auto live = context.certificates.find_live(name);
  if (!live) throw Error(fmt::format("{} has no live version", name), "mxcert status lists what there is");
  return *live;
}

/// The CA that issued the version, which need not be the one that is configured now.
CaConfig issuer_of(const Context& context, const store::Version& version) {
  if (const CaConfig* known = find_ca(context.config.ca, version.record.directory)) return *known;
  CaConfig ca = context.config.ca;
  if (!version.record.directory.empty()) ca.directory_url = version.record.directory;
  return ca;
}

/// Whether the account that ordered the version is still ours to speak for.
bool has_its_account(const Context& context, const store::Version& version, const CaConfig& ca) {
  const auto account = context.accounts.find(ca.directory_url);
  return context.accounts.find_key(ca.directory_url) && account && !account->deactivated &&
         account->url == version.record.account;
}

/// RFC 8555 §7.6. False when it was revoked before.
bool revoke(Context& context, const store::Version& version, RevocationReason reason, bool by_account) {
  const Deadline deadline = Deadline::after(context.clock, revoke_deadline);
  CertificateAuthority ca(context, issuer_of(context, version));
  if (by_account) return ca.client(deadline).revoke_certificate(version.leaf.der, reason.code, deadline);
  const pki::PrivateKey key = pki::PrivateKey::from_pem(version.bundle.private_key);
  return ca.client_of(key).revoke_certificate(version.leaf.der, reason.code, deadline);
}

/// The next order is not to go on with what the revoked one has begun.
void remember(Context& context, const RevokeReport& report) {
  store::CertificateState state = context.certificates.load_state(report.name);
  state.revocation = store::Revocation{.version = report.number, .reason = report.reason, .at = context.clock.now()};
  context.certificates.save_state(report.name, state);
  if (context.orders.find(report.name)) context.orders.remove(report.name);
}

void print(const Context& context, const RevokeReport& report) {
  if (context.invocation.json) {
    Json document{{"version", 1},
                  {"result", report.result},
                  {"certificate",
                   {{"name", report.name},
                    {"certificate_version", report.number},
                    {"names", report.names},
                    {"serial", report.serial},
                    {"reason", report.reason},
                    {"by", report.by}}}};
    add_findings(document, context.report);
    return write_result(dump(document));
  }
  if (context.invocation.quiet) return;
  const char* what = report.result == "planned"           ? "would revoke"
                     : report.result == "already_revoked" ? "had been revoked before:"
                                                          : "revoked";
  write_result(fmt::format("{}: {} version {} ({}), serial {}\n", report.name, what, report.number, report.reason,
                           report.serial));
}

}  // namespace

void run_revoke(Context& context) {
  const store::Lock lock = context.state.lock(context.clock, context.invocation.lock_timeout);
  const std::string& name = context.invocation.arguments.front();
  const RevocationReason reason = parse_revocation_reason(context.invocation.revocation_reason);
  const store::Version version = find_version(context, name);
  const bool by_account =
      !context.invocation.by_certificate_key && has_its_account(context, version, issuer_of(context, version));
  RevokeReport report{.name = name,
                      .number = version.number,
                      .names = version.leaf.names,
                      .serial = version.leaf.serial,
                      .reason = std::string(reason.name),
                      .by = by_account ? "account" : "certificate_key",
                      .result = "planned"};
  if (!context.invocation.dry_run) {
    report.result = revoke(context, version, reason, by_account) ? "revoked" : "already_revoked";
    remember(context, report);
    context.report.add_warning({.code = "still_served",
                                .subject = name,
                                .message = fmt::format("{} may still be served until it is replaced", name),
                                .hint = "mxcert issue replaces it now, the next renew does so by itself"});
  }
  print(context, report);
}

}  // namespace mxcert::app
