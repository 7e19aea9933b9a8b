#include "issue/internal_ca.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "issue/order_key.h"
#include "issue/run.h"
#include "pki/authority.h"

namespace mxcert::issue {
namespace {

constexpr std::chrono::days root_lifetime{3650};
constexpr std::chrono::days root_renewed_before{730};
/// Renewed like any other one: what is renewed now and then goes on being renewed.
constexpr std::chrono::days certificate_lifetime{90};
/// Clocks of senders may be slow.
constexpr std::chrono::hours backdating{1};
constexpr std::chrono::seconds host_name_patience{10};

/// Empty when nobody knows. By a program, since a wait in getaddrinfo has no deadline and no ear for signals.
std::string full_host_name(Clock& clock) {
  const ProcessResult asked = run_process(clock, {.arguments = {"hostname", "--fqdn"}, .timeout = host_name_patience});
  return asked.succeeded() ? std::string(trim(asked.standard_output)) : std::string();
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return name.data();
}

pki::PrivateKey load_or_make_key(Run& run) {
  store::InternalAuthority& stored = run.store.internal_authority;
  const auto pem = stored.find_key();
  if (!pem) {
    pki::PrivateKey key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
    stored.save_key(key.to_pem());
    return key;
  }
  try {
    return pki::PrivateKey::from_pem(*pem);
  } catch (const Error& e) {
    throw Error(fmt::format("the internal CA's key {}: {}", stored.key_path().string(), e.message()),
                fmt::format("restore it from a backup, or move {} away for a new CA, which nobody trusts yet",
                            stored.key_path().parent_path().string()),
                "key_damaged");
  }
}

pki::Certificate make_root(Run& run, const pki::PrivateKey& key) {
  const std::string pem = pki::make_authority(key, fmt::format("mxcert CA of {}", host_name()),
                                              run.clock.now() - backdating, root_lifetime);
  run.store.internal_authority.save_certificate(pem);
  return pki::parse_certificates(pem).front();
}

/// A root that is damaged, or of another key, is made anew: it says nothing that is not known.
pki::Certificate load_or_make_root(Run& run, const pki::PrivateKey& key) {
  try {
    const auto root = find_internal_root(run.store.internal_authority);
    if (root && root->public_key_der == key.public_key_der() && run.clock.now() < root->not_after - root_renewed_before)
      return *root;
  } catch (const Error& e) {
    log::warning(fmt::format("{}, and is made anew", e.message()));
  }
  return make_root(run, key);
}

/// That of an order under way where there is no live one: the certificate that this leads to is to have the same.
pki::PrivateKey choose_key(Run& run, const OrderTask& task) {
  const std::string& name = task.certificate.name;
  if (const auto order = run.store.orders.find(name, task.key.further); order && !task.key.live) {
    try {
      pki::PrivateKey key = pki::PrivateKey::from_pem(order->private_key);
      if (pki::family_of(key.type()) == task.key.family) return key;
    } catch (const Error&) {
      log::debug(fmt::format("{}: the order under way has no usable key", name));
    }
  }
  return key_for_order(run, task.certificate, task.key);
}

}  // namespace

bool is_internal(const store::Version& version) {
  return std::ranges::any_of(version.parts(), [](const store::VersionPart& part) {
    return part.record.directory == config::internal_directory;
  });
}

bool is_placeholder(const config::CaConfig& configured, const store::Version& version) {
  return is_internal(version) && !is_internal(configured);
}

std::optional<pki::Certificate> find_internal_root(const store::InternalAuthority& stored) {
  const auto pem = stored.find_certificate();
  if (!pem) return std::nullopt;
  try {
    return pki::parse_certificates(*pem).front();
  } catch (Error& e) {
    e.add_context(fmt::format("the internal CA's certificate {} is damaged", stored.certificate_path().string()));
    throw;
  }
}

store::VersionPart issue_internally(Run& run, const OrderTask& task) {
  const std::vector<std::string> names = task.exact_names.empty() ? task.planned.ascii_names() : task.exact_names;
  const pki::PrivateKey key = choose_key(run, task);
  const pki::PrivateKey authority_key = load_or_make_key(run);
  const pki::Certificate root = load_or_make_root(run, authority_key);
  const SystemTime now = run.clock.now();
  std::string leaf = pki::issue_certificate(authority_key, root, key, names, now - backdating, certificate_lifetime);
  std::vector<pki::Certificate> chain = pki::parse_certificates(leaf);
  pki::check_chain(chain, key, names, now);
  return {.bundle = {.private_key = key.to_pem(), .leaf = std::move(leaf), .chain = {}},
          .leaf = std::move(chain.front()),
          .record = {.directory = std::string(config::internal_directory), .issued_at = now}};
}

std::optional<dns::DnsName> find_own_name(Clock& clock) {
  std::string name = host_name();
  if (name.find('.') == std::string::npos) name = full_host_name(clock);
  if (name.find('.') == std::string::npos) return std::nullopt;
  return dns::DnsName::parse_host(name);
}

}  // namespace mxcert::issue
