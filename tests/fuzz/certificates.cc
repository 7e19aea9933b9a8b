// The chain that a CA sends.
#include "pki/certificate.h"

#include "fuzz.h"

using namespace mxcert;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text(data, size);
  fuzz::tolerate([&] {
    const auto chain = pki::parse_certificates(text);
    fuzz::require(!chain.empty() && chain.size() <= 20);
    pki::covers(chain.front(), "mx.example.com");
  });
  fuzz::tolerate([&] { pki::parse_certificate_der(text); });
  return 0;
}
