#pragma once
#include <memory>

#include "acme/client.h"
#include "acme/curl_transport.h"
#include "app/ca_config.h"
#include "base/clock.h"
#include "pki/key.h"

namespace mxcert::app {

struct Context;

/// One CA and our account there. Nothing is sent before the first use.
class CertificateAuthority {
 public:
  CertificateAuthority(Context& context, CaConfig config) : context_(context), config_(std::move(config)) {}

  const CaConfig& config() const { return config_; }

  /// A client with an account: the known one, the one the CA finds by our key, or a new one. The key is stored before
  /// the CA sees it. Throws what acme::Client::create_account throws.
  acme::Client& client(Deadline deadline);
  /// The CA does not know our account (any more): the next client() registers again.
  void forget_account();

 private:
  void connect();
  void ensure_account(Deadline deadline);

  Context& context_;
  CaConfig config_;
  std::unique_ptr<pki::PrivateKey> account_key_;
  std::unique_ptr<acme::CurlTransport> transport_;
  std::unique_ptr<acme::Client> client_;
  bool key_is_new_ = false;
  bool has_account_ = false;
};

}  // namespace mxcert::app
