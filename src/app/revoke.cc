#include <fmt/format.h>

#include <array>
#include <span>

#include "app/commands.h"
#include "app/context.h"
#include "app/deliver.h"
#include "app/revocation.h"
#include "base/error.h"
#include "base/name_table.h"
#include "base/text.h"
#include "issue/ca.h"
#include "issue/internal_ca.h"
#include "report/json.h"

namespace mxcert::app {
namespace {

/// For all that is said to the CA in one run.
constexpr std::chrono::minutes revoke_deadline{2};

/// What happened to one certificate of the version.
struct RevokedPart {
  enum class Result { revoked, already_revoked, planned };
  std::string key_type = {};
  std::string serial = {};
  std::string by = {};  // account, certificate_key
  Result result = Result::planned;
};

constexpr std::array result_names{
    std::pair{RevokedPart::Result::revoked, std::string_view("revoked")},
    std::pair{RevokedPart::Result::already_revoked, std::string_view("already_revoked")},
    std::pair{RevokedPart::Result::planned, std::string_view("planned")},
};
std::string_view to_string(RevokedPart::Result result) {
  return name_of(result_names, result);
}

struct RevokeReport {
  std::string name = {};
  std::string number = {};
  std::vector<std::string> names = {};
  std::string reason = {};
  std::vector<RevokedPart> parts = {};  // the one with the primary key first
};

/// The CA that issued the certificate, which need not be the one that is configured now.
config::CaConfig issuer_of(const Context& context, const store::VersionPart& part) {
  if (const config::CaConfig* known = find_ca(context.config.ca, part.record.directory)) return *known;
  config::CaConfig ca = context.config.ca;
  if (!part.record.directory.empty()) ca.directory_url = part.record.directory;
  return ca;
}

/// Whether the account that ordered the certificate is still ours to speak for.
bool has_its_account(const Context& context, const store::VersionPart& part, const config::CaConfig& ca) {
  const auto account = context.store.accounts.find(ca.directory_url);
  return context.store.accounts.find_key(ca.directory_url) && account && !account->deactivated &&
         account->url == part.record.account;
}

/// RFC 8555 §7.6. False when it was revoked before.
bool revoke(Context& context, const store::VersionPart& part, RevocationReason reason, bool by_account) {
  const Deadline deadline = Deadline::after(context.clock, revoke_deadline);
  issue::CertificateAuthority ca(context.run, issuer_of(context, part));
  if (by_account) return ca.client(deadline).revoke_certificate(part.leaf.der, reason.code, deadline);
  const pki::PrivateKey key = pki::PrivateKey::from_pem(part.bundle.private_key);
  return ca.client_of(key).revoke_certificate(part.leaf.der, reason.code, deadline);
}

/// The next order is not to go on with what the revoked one has begun.
void remember(Context& context, store::Certificate& certificate, const RevokeReport& report) {
  certificate.state.revocation =
      store::Revocation{.version = report.number, .reason = report.reason, .at = context.clock.now()};
  context.store.certificates.save(certificate);
  context.store.orders.remove_all(certificate.name);
}

report::Json to_json(const RevokedPart& part) {
  return {{"key_type", part.key_type}, {"serial", part.serial}, {"by", part.by}, {"result", to_string(part.result)}};
}

std::string describe(const RevokeReport& report, const RevokedPart& part) {
  const char* what = part.result == RevokedPart::Result::planned           ? "would revoke"
                     : part.result == RevokedPart::Result::already_revoked ? "had been revoked before:"
                                                                           : "revoked";
  const std::string key = report.parts.size() > 1 ? fmt::format(" ({})", part.key_type) : "";
  return fmt::format("{}: {} version {}{} ({}), serial {}\n", report.name, what, report.number, key, report.reason,
                     part.serial);
}

void print(const Context& context, const RevokeReport& report) {
  const RevokedPart& primary = report.parts.front();
  if (context.invocation.json) {
    report::Json certificate = to_json(primary);
    certificate.erase("result");
    certificate["name"] = report.name;
    certificate["certificate_version"] = report.number;
    certificate["names"] = report.names;
    certificate["reason"] = report.reason;
    certificate["further"] = report::Json::array();
    for (const RevokedPart& part : std::span(report.parts).subspan(1))
      certificate["further"].push_back(to_json(part));
    report::Json document{
        {"version", 1}, {"result", to_string(primary.result)}, {"certificate", std::move(certificate)}};
    report::add_findings(document, context.report);
    return report::write_result(report::dump(document));
  }
  if (context.invocation.quiet) return;
  std::string text;
  for (const RevokedPart& part : report.parts)
    text += describe(report, part);
  report::write_result(text);
}

/// One certificate of the version.
RevokedPart process(Context& context, const store::VersionPart& part, RevocationReason reason) {
  const bool by_account =
      !context.invocation.by_certificate_key && has_its_account(context, part, issuer_of(context, part));
  RevokedPart report{.key_type = part.leaf.key_type ? std::string(pki::to_string(*part.leaf.key_type)) : "unknown",
                     .serial = part.leaf.serial,
                     .by = by_account ? "account" : "certificate_key",
                     .result = RevokedPart::Result::planned};
  if (!context.invocation.dry_run)
    report.result =
        revoke(context, part, reason, by_account) ? RevokedPart::Result::revoked : RevokedPart::Result::already_revoked;
  return report;
}

}  // namespace

void run_revoke(Context& context) {
  const store::Lock lock = context.lock();
  const RevocationReason reason = parse_revocation_reason(context.invocation.revocation_reason);
  store::Certificate& certificate = *chosen_certificates(context).front();
  const std::string& name = certificate.name;
  const store::Version version = certificate.live_version();
  if (issue::is_internal(version))
    throw Error(fmt::format("{} is from the internal CA, which has no way to tell of revocations", name),
                "mxcert issue --new-key replaces it", "not_revocable");
  RevokeReport report{
      .name = name, .number = version.number, .names = version.leaf.names, .reason = std::string(reason.name)};
  for (const store::VersionPart& part : version.parts()) {
    report.parts.push_back(process(context, part, reason));
    // After the first one: if the CA is gone before the second, the version has to be replaced all the same.
    if (!context.invocation.dry_run) remember(context, certificate, report);
  }
  if (!context.invocation.dry_run)
    context.report.add_warning({.code = "still_served",
                                .subject = name,
                                .message = fmt::format("{} may still be served until it is replaced", name),
                                .hint = "mxcert issue replaces it now, the next renew does so by itself"});
  print(context, report);
}

}  // namespace mxcert::app
