#include "report/tlsa_report.h"

#include "catch.h"
#include "pki/key.h"
#include "self_signed.h"

using namespace mxcert;
using namespace mxcert::report;
using deploy::Chain;
using dns::TlsaRecord;

namespace {

Chain make_chain(pki::KeyType type) {
  const auto key = pki::PrivateKey::generate(type);
  const std::vector<std::string> names{"mx.example.com"};
  return pki::parse_certificates(
      test::make_self_signed(key, names, *parse_time("2026-11-23T00:00:00Z"), std::chrono::hours{90 * 24}));
}

const Chain live = make_chain(pki::KeyType::ecdsa_p256);
const Chain before = make_chain(pki::KeyType::ecdsa_p256);
const TlsaRecord wanted = deploy::record_for(live.front());
const TlsaRecord of_before = deploy::record_for(before.front());
const TlsaRecord of_nobody{.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, 'x')};
const TlsaRecord of_pkix{.usage = 1, .selector = 1, .matching_type = 1, .data = std::string(32, 'x')};

deploy::TlsaLookup found(std::vector<TlsaRecord> records, dns::Security security = dns::Security::secure) {
  deploy::TlsaLookup lookup{.name = "mx.example.com", .port = 25, .base = dns::DnsName::parse("mx.example.com")};
  lookup.answer.status = records.empty() ? dns::AnswerStatus::nodata : dns::AnswerStatus::ok;
  lookup.answer.security = security;
  lookup.answer.tlsa = std::move(records);
  return lookup;
}

/// `missing stale`: the state of each line.
std::string states(const TlsaRrset& rrset) {
  std::string text;
  for (const TlsaLine& line : rrset.lines)
    text += (text.empty() ? "" : " ") + std::string(to_string(line.state));
  return text;
}
std::string compare(std::vector<TlsaRecord> records) {
  return states(compare_tlsa(found(std::move(records)), std::vector<Chain>{live}, std::vector<Chain>{before}));
}

std::string text_of(const deploy::TlsaLookup& lookup, bool in_service = true) {
  const TlsaCertificate certificate{
      .name = "mx.example.com",
      .version = "0002",
      .in_service = in_service,
      .rrsets = {compare_tlsa(lookup, std::vector<Chain>{live}, std::vector<Chain>{before})}};
  return tlsa_to_text({&certificate, 1});
}
std::string line_of(const TlsaRecord& record) {
  return "_25._tcp.mx.example.com. IN TLSA " + to_string(record);
}
bool holds(const std::string& text, const std::string& part) {
  return text.find("\n" + part) != std::string::npos;
}

}  // namespace

TEST_CASE("the record to publish comes first, then what else is there") {
  CHECK(compare({}) == "missing");
  CHECK(compare({wanted}) == "published");
  CHECK(compare({of_nobody}) == "missing stale");
  CHECK(compare({of_before}) == "missing in_use");
  CHECK(compare({wanted, of_before}) == "published in_use");
  CHECK(compare({of_pkix, wanted}) == "published unusable");
}

TEST_CASE("a record of another kind that matches does not replace the one that lasts") {
  TlsaRecord whole = wanted;
  whole.selector = 0;
  whole.data = pki::sha256(live.front().der);
  CHECK(compare({whole}) == "missing published");
  CHECK(text_of(found({whole})).find("add it: what is there may not fit after the next renewal") != std::string::npos);
}

TEST_CASE("each key has a record") {
  const std::vector<Chain> both{live, make_chain(pki::KeyType::rsa_2048)};
  const TlsaRrset rrset = compare_tlsa(found({wanted}), both, {});
  CHECK(states(rrset) == "published missing");
  CHECK(rrset.lines[0].key_type == "ecdsa");
  CHECK(rrset.lines[1].key_type == "rsa");
  CHECK(rrset.status == deploy::DaneStatus::mismatch);
}

TEST_CASE("the text is a zone file: what is to be removed is a comment") {
  const std::string text = text_of(found({wanted, of_nobody, of_pkix}));
  CHECK(text.starts_with("; mx.example.com, version 0002\n"));
  CHECK(holds(text, line_of(wanted) + "  ; published\n"));
  CHECK(holds(text, "; " + line_of(of_nobody) + "  ; remove it, unless"));
  CHECK(holds(text, "; " + line_of(of_pkix) + "  ; remove it: mail does not use"));
}

TEST_CASE("while another version is served its record stays, and the new key waits for its own") {
  const std::string text = text_of(found({of_before}), false);
  CHECK(holds(text, line_of(wanted) + "  ; add it, and wait for two TTLs"));
  CHECK(holds(text, line_of(of_before) + "  ; keep it until version 0002 is in service"));
}

TEST_CASE("a key that is served without its record is urgent") {
  CHECK(holds(text_of(found({of_nobody})), line_of(wanted) + "  ; add it now"));
  CHECK(holds(text_of(found({of_pkix})), line_of(wanted) + "  ; add it: what is there protects nobody"));
  CHECK(holds(text_of(found({})), line_of(wanted) + "  ; not published"));
}

TEST_CASE("what an unsigned zone publishes is told as that, and what a failed lookup hides") {
  CHECK(
      holds(text_of(found({wanted}, dns::Security::insecure)), line_of(wanted) + "  ; published, but its zone is not"));
  deploy::TlsaLookup failed = found({});
  failed.answer = {.status = dns::AnswerStatus::temporary, .reason = "the DNS answers SERVFAIL"};
  CHECK(holds(text_of(failed), line_of(wanted) + "  ; not known whether it is published: the DNS answers SERVFAIL"));
}
