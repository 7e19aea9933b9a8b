#include "pki/trust.h"

#include <cstdlib>

#include "base/files.h"
#include "catch.h"
#include "pki/key.h"
#include "self_signed.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::pki;
using namespace std::chrono_literals;

TEST_CASE("a chain is trusted that ends in one of this host's roots, as long as it is valid") {
  const test::TempDir dir;
  const SystemTime now = std::chrono::system_clock::now();
  const std::vector<std::string> names{"mx.example.com"};
  const std::string pem = test::make_self_signed(PrivateKey::generate(KeyType::ecdsa_p256), names, now - 1h, 24h);
  const std::string other = test::make_self_signed(PrivateKey::generate(KeyType::ecdsa_p256), names, now - 1h, 24h);
  write_new_file(dir / "roots.pem", pem, {.mode = 0644});
  ::setenv("SSL_CERT_FILE", (dir / "roots.pem").c_str(), 1);
  ::setenv("SSL_CERT_DIR", (dir / "none").c_str(), 1);
  CHECK(find_trust_problem(parse_certificates(pem), now).empty());
  CHECK_THAT(find_trust_problem(parse_certificates(pem), now + 48h), ContainsSubstring("expired"));
  CHECK_THAT(find_trust_problem(parse_certificates(other), now), ContainsSubstring("self-signed"));
  ::unsetenv("SSL_CERT_FILE");
  ::unsetenv("SSL_CERT_DIR");
}
