// Headers of an answer, and base64url.
#include "acme/headers.h"

#include "acme/transport.h"
#include "base/text.h"
#include "fuzz.h"

using namespace mxcert;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::as_text(data, size));
  acme::Response response;
  response.retry_after = text;
  response.links = {text, text};
  response.date = "Mon, 23 Nov 2026 00:00:00 GMT";
  const auto wait = acme::retry_after(response, {});
  fuzz::require(!wait || (wait->count() >= 0 && *wait <= std::chrono::days{400}));
  response.date = text;
  response.retry_after = "Mon, 23 Nov 2026 00:00:00 GMT";
  acme::retry_after(response, {});
  for (const std::string& link : acme::find_links(response, "alternate"))
    fuzz::require(acme::is_https_url(link));
  if (const auto bytes = from_base64url(text)) fuzz::require(from_base64url(to_base64url(*bytes)) == bytes);
  return 0;
}
