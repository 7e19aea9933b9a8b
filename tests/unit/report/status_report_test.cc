#include "report/status_report.h"

#include <nlohmann/json.hpp>

#include "catch.h"

using namespace mxcert;
using namespace mxcert::report;
using namespace std::chrono_literals;

namespace {

const SystemTime now = *parse_time("2026-11-28T12:00:00Z");

CertificateStatus certificate() {
  PartStatus part;
  part.part.leaf.names = {"mx.example.com"};
  part.part.leaf.issuer = "CN=Test CA";
  part.part.leaf.not_after = now + 24h * 30;
  return {.name = "mx.example.com", .version = "0002", .parts = {part}, .renew_at = now + 24h};
}

std::string text_of(const CertificateStatus& one) {
  const std::vector<CertificateStatus> all{one};
  return status_to_text(all, {.width = 200}, now);
}

}  // namespace

TEST_CASE("status says what is live, until when, and when it is renewed") {
  const std::string text = text_of(certificate());
  CHECK_THAT(text, ContainsSubstring("0002 from CN=Test CA"));
  CHECK_THAT(text, ContainsSubstring("2026-12-28T12:00:00Z (in 30 days)"));
  CHECK_THAT(text, ContainsSubstring("2026-11-29T12:00:00Z (in 24 hours)") || ContainsSubstring("(in 1 day)"));
  CHECK_THAT(text, !ContainsSubstring("role"));
}

TEST_CASE("a CA's window that is too late is told as that") {
  CertificateStatus one = certificate();
  one.parts.front().window =
      WindowStatus{.window = {.start = now + 1h, .end = now + 2h, .explanation_url = "https://ca"},
                   .chosen = now + 1h,
                   .is_too_late = true};
  CHECK_THAT(text_of(one), ContainsSubstring("which is too late") && ContainsSubstring("why: https://ca"));
}

TEST_CASE("what was never issued is shown with its last failure, and null for machines") {
  CertificateStatus one{.name = "mx.example.com"};
  one.failure = FailureStatus{.subject = "mx.example.com",
                              .failure = {.count = 2, .at = now, .message = "refused", .hint = ""},
                              .next_attempt = now + 1h};
  CHECK_THAT(text_of(one), ContainsSubstring("none yet") && ContainsSubstring("(2 in a row): refused") &&
                               ContainsSubstring("not tried again before 2026-11-28T13:00:00Z"));
  const std::vector<CertificateStatus> all{one};
  const auto document = nlohmann::json::parse(status_to_json(all, Report{}));
  CHECK(document["certificates"][0]["certificate_version"].is_null());
  CHECK(document["certificates"][0]["failure"]["count"] == 2);
  CHECK(document["errors"].empty());
}
