#include "issue/order_key.h"

#include <fmt/format.h>

#include "base/error.h"
#include "issue/run.h"

namespace mxcert::issue {
namespace {

/// Of the live version; empty when it has none of the kind.
std::optional<std::string> find_kept_key(const Run& run, const store::Certificate& certificate, const WantedKey& key) {
  if (key.live) return key.live->bundle.private_key;
  if (certificate.live.damage() == nullptr) return std::nullopt;
  return run.store.certificates.find_key(certificate.name, certificate.live.number(), key.further);
}

std::filesystem::path live_key_file(const Run& run, const store::Certificate& certificate, const WantedKey& key) {
  std::filesystem::path folder = run.store.certificates.live_path(certificate.name);
  const store::Version* live = certificate.live.intact();
  const bool is_primary = live == nullptr ? !key.further : key.live->bundle.private_key == live->bundle.private_key;
  if (!is_primary) folder /= pki::to_string(key.family);
  return folder / "privkey.pem";
}

/// RFC 5280 §5.3.1: who has the key can be the mail server, and no certificate for it is worth anything.
bool is_compromised(const store::Certificate& certificate) {
  const store::Revocation* revoked = certificate.state.find_revocation(certificate.live.number());
  return revoked != nullptr && revoked->reason == "keyCompromise";
}

}  // namespace

pki::PrivateKey key_for_order(Run& run, const store::Certificate& certificate, const WantedKey& key) {
  const auto pem = find_kept_key(run, certificate, key);
  if (!pem || !run.config.reuse_key || is_compromised(certificate)) return pki::PrivateKey::generate(key.type);
  try {
    pki::PrivateKey kept = pki::PrivateKey::from_pem(*pem);
    if (kept.type() != key.type)
      run.report.add_warning(
          {.code = "key_type_kept",
           .subject = certificate.name,
           .message = fmt::format("{} keeps its {} key, although {} is configured", certificate.name,
                                  pki::to_string(kept.type()), pki::to_string(key.type)),
           .hint = "say reuse_key = false for one renewal; publish new TLSA records first if you use DANE"});
    return kept;
  } catch (const Error& e) {
    throw Error(fmt::format("{}: {}", live_key_file(run, certificate, key).string(), e.message()),
                "restore it from a backup, or get a new key with --new-key (mind your TLSA records)", "key_damaged");
  }
}

}  // namespace mxcert::issue
