#include "issue/order_key.h"

#include <fmt/format.h>

#include "base/error.h"
#include "issue/run.h"

namespace mxcert::issue {
namespace {

std::filesystem::path live_key_file(const Run& run, const std::string& certificate, const WantedKey& key,
                                    const store::Version& live) {
  std::filesystem::path folder = run.store.certificates.live_path(certificate);
  if (key.live->bundle.private_key != live.bundle.private_key) folder /= pki::to_string(key.family());
  return folder / "privkey.pem";
}

/// RFC 5280 §5.3.1: who has the key can be the mail server, and no certificate for it is worth anything.
bool is_compromised(const Run& run, const std::string& certificate, const store::Version& live) {
  const store::CertificateState state = run.store.certificates.load_state(certificate);
  const store::Revocation* revoked = state.find_revocation(live.number);
  return revoked != nullptr && revoked->reason == "keyCompromise";
}

}  // namespace

pki::PrivateKey key_for_order(Run& run, const std::string& certificate, const WantedKey& key,
                              const std::optional<store::Version>& live) {
  if (!key.live || !run.config.reuse_key || is_compromised(run, certificate, *live))
    return pki::PrivateKey::generate(key.type);
  try {
    pki::PrivateKey kept = pki::PrivateKey::from_pem(key.live->bundle.private_key);
    if (kept.type() != key.type)
      run.report.add_warning(
          {.code = "key_type_kept",
           .subject = certificate,
           .message = fmt::format("{} keeps its {} key, although {} is configured", certificate,
                                  pki::to_string(kept.type()), pki::to_string(key.type)),
           .hint = "say reuse_key = false for one renewal; publish new TLSA records first if you use DANE"});
    return kept;
  } catch (const Error& e) {
    throw Error(fmt::format("{}: {}", live_key_file(run, certificate, key, *live).string(), e.message()),
                "restore it from a backup, or get a new key with --new-key (mind your TLSA records)", "key_damaged");
  }
}

}  // namespace mxcert::issue
