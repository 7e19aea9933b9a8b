// What a CA answers: all that acme/messages.h reads.
#include <algorithm>

#include "acme/headers.h"
#include "acme/messages.h"
#include "acme/problem.h"
#include "fuzz.h"

using namespace mxcert;

namespace {

void check(const acme::Challenge& challenge) {
  fuzz::require(acme::is_https_url(challenge.url));
  fuzz::require(challenge.token.size() <= 512 && challenge.token.find_first_of("./\\% \n") == std::string::npos);
}

bool is_printable(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text(data, size);
  fuzz::tolerate([&] { fuzz::require(acme::is_https_url(acme::parse_directory(text).new_order)); });
  fuzz::tolerate([&] { acme::parse_account(text); });
  fuzz::tolerate([&] { fuzz::require(acme::is_https_url(acme::parse_order(text).finalize)); });
  fuzz::tolerate([&] {
    for (const acme::Challenge& challenge : acme::parse_authorization(text).challenges)
      check(challenge);
  });
  fuzz::tolerate([&] { check(acme::parse_challenge(text)); });
  const acme::Problem problem(acme::parse_problem(text, 400));  // never throws
  fuzz::require(is_printable(problem.message()) && !problem.hint().empty());
  return 0;
}
