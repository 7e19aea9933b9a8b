#pragma once
#include <memory>

#include "acme/client.h"
#include "acme/curl_transport.h"
#include "base/clock.h"
#include "pki/key.h"

namespace mxcert::app {

struct Context;

/// The configured CA and our account there. Nothing is sent before the first use.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(Context& context) : context_(context) {}

  /// A client with an account: the known one, the one the CA finds by our key, or a new one. The key is stored before
  /// the CA sees it. Throws what acme::Client::create_account throws.
  acme::Client& client(Deadline deadline);
  /// The CA does not know our account (any more): the next client() registers again.
  void forget_account();

 private:
  void connect();
  void ensure_account(Deadline deadline);

  Context& context_;
  std::unique_ptr<pki::PrivateKey> account_key_;
  std::unique_ptr<acme::CurlTransport> transport_;
  std::unique_ptr<acme::Client> client_;
  bool key_is_new_ = false;
  bool has_account_ = false;
};

}  // namespace mxcert::app
