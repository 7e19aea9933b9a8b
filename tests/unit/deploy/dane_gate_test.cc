#include "deploy/dane_gate.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "catch.h"
#include "deploy/deploy.h"
#include "deploy/make_credentials.h"
#include "deploy/make_hook.h"
#include "dns/fake_resolver.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::deploy;
using Status = DeployOutcome::Status;
using test::FakeDns;
using test::FakeResolver;
using test::make_bundle;

namespace {

const std::string owner = "_25._tcp.mx.example.com";
const std::vector<std::string> names{"mx.example.com"};

pki::Certificate leaf_of(const pki::CertificateBundle& bundle) {
  return pki::parse_certificates(bundle.leaf).front();
}
dns::TlsaRecord record_of(const pki::CertificateBundle& bundle) {
  return record_for(leaf_of(bundle));
}
dns::TlsaRecord record_of_nobody() {
  return {.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, '\xab')};
}

/// A daemon that says what it reads and not where it listens, and what the DNS says of it.
class Site {
 public:
  Site() : in_service(make_bundle(names)) {
    test::make_hook(dir_ / "hook", fmt::format(R"(
case $1 in
describe) echo '{{"daemon": "Testd 1", "files": [{{"path": "{dir}/bundle.pem", "content": "bundle"}}]}}' ;;
deploy) echo deploy >>{dir}/events ;;
esac)",
                                               fmt::arg("dir", dir_.path().string())));
    install(in_service);
  }

  void install(const pki::CertificateBundle& bundle) {
    write_file_atomically(dir_ / "bundle.pem", bundle.key_and_chain(), {.mode = 0600});
  }
  void publish(const std::vector<dns::TlsaRecord>& records) {
    dns.tlsa = {{owner, records}};
    dns.secure = {owner, "mx.example.com"};
  }
  DeployOutcome deploy(const pki::CertificateBundle& bundle) {
    FakeResolver resolver(dns);
    DeployOptions options{.journal_directory = dir_ / "journal", .original_directory = dir_ / "original"};
    options.first_goes_unchecked = first_goes_unchecked;
    options.find_tlsa = [&](std::span<const std::string> hosts, std::span<const std::uint16_t> ports) {
      asked.assign(ports.begin(), ports.end());
      return find_tlsa(resolver, hosts, ports);
    };
    return mxcert::deploy::deploy(
        clock_, target(), {.certificate_name = "mx.example.com", .names = names, .bundle = bundle, .lineage = {}},
        options);
  }
  std::string read(const std::string& name) const { return read_file_if_exists(dir_ / name, 1 << 20).value_or(""); }
  bool has(const pki::CertificateBundle& bundle) const { return read("bundle.pem") == bundle.key_and_chain(); }

  const pki::CertificateBundle in_service;
  FakeDns dns;
  std::vector<std::uint16_t> asked;
  std::vector<Endpoint> verify;
  bool first_goes_unchecked = false;

 private:
  Target target() const {
    Target one;
    one.hook = (dir_ / "hook").string();
    one.verify = verify;
    return one;
  }

  RealClock clock_;
  test::TempDir dir_;
};

/// A renewal: the same key, another certificate.
pki::CertificateBundle renewed(const pki::CertificateBundle& bundle) {
  return make_bundle(names, pki::PrivateKey::from_pem(bundle.private_key));
}

}  // namespace

TEST_CASE("without TLSA records a certificate is installed") {
  Site site;
  const auto next = make_bundle(names);
  CHECK(site.deploy(next).status == Status::unverifiable);
  CHECK(site.has(next));
  CHECK(site.asked == std::vector<std::uint16_t>{25});
}

TEST_CASE("a new key whose record is published is installed") {
  Site site;
  const auto next = make_bundle(names);
  site.publish({record_of(site.in_service), record_of(next)});
  CHECK(site.deploy(next).status == Status::unverifiable);
  CHECK(site.has(next));
}

TEST_CASE("a new key whose record is not published is not installed, and the hint has the record") {
  Site site;
  const auto next = make_bundle(names);
  site.publish({record_of(site.in_service)});
  const DeployOutcome outcome = site.deploy(next);
  CHECK(outcome.status == Status::tlsa_mismatch);
  CHECK(outcome.reason.find("the TLSA records of " + owner + " do not match the new certificate: ") == 0);
  CHECK(outcome.reason.find(to_string(record_of(site.in_service))) != std::string::npos);
  CHECK(outcome.hint.find("run mxcert deploy mx.example.com") != std::string::npos);
  CHECK(outcome.hint.find("\n" + owner + ". IN TLSA 3 1 1 " + leaf_of(next).spki_sha256) != std::string::npos);
  CHECK(site.has(site.in_service));
  CHECK(site.read("events").empty());
  CHECK(outcome.changed_files.empty());
}

TEST_CASE("records that match neither what is new nor what is served are told as that") {
  Site site;
  site.publish({record_of_nobody()});
  const DeployOutcome outcome = site.deploy(renewed(site.in_service));
  CHECK(outcome.status == Status::tlsa_mismatch);
  CHECK(outcome.reason.find("do not match the new certificate, nor what is served now: ") != std::string::npos);
  CHECK(site.has(site.in_service));
}

TEST_CASE("unsigned records and those of kinds that mail does not use keep nothing back") {
  Site site;
  site.dns.tlsa = {{owner, {record_of_nobody()}}};
  const auto first = make_bundle(names);
  CHECK(site.deploy(first).status == Status::unverifiable);
  dns::TlsaRecord pkix = record_of_nobody();
  pkix.usage = 1;
  site.publish({pkix});
  const auto second = make_bundle(names);
  const DeployOutcome outcome = site.deploy(second);
  CHECK(outcome.status == Status::unverifiable);
  CHECK(outcome.dane.at(0).status == DaneStatus::unusable);
  CHECK(site.has(second));
}

TEST_CASE("while the records cannot be looked up the key does not change, but the certificate may") {
  Site site;
  const bool bogus = GENERATE(false, true);
  (bogus ? site.dns.bogus : site.dns.servfail) = {owner};
  const DeployOutcome refused = site.deploy(make_bundle(names));
  CHECK(refused.status == Status::tlsa_unknown);
  CHECK(refused.reason.find(owner) != std::string::npos);
  CHECK(refused.reason.find(bogus ? "signature expired" : "SERVFAIL") != std::string::npos);
  CHECK((refused.hint.find("signatures") != std::string::npos) == bogus);
  CHECK(site.has(site.in_service));
  const auto next = renewed(site.in_service);
  const DeployOutcome outcome = site.deploy(next);
  CHECK(outcome.status == Status::unverifiable);
  CHECK(outcome.dane.at(0).status == DaneStatus::unknown);
  CHECK(site.has(next));
}

TEST_CASE("where nothing is in service yet a failed lookup keeps the first key back") {
  Site site;
  site.install({});
  site.dns.servfail = {owner};
  CHECK(site.deploy(make_bundle(names)).status == Status::tlsa_unknown);
}

TEST_CASE("where nothing is in service yet and there is no DNS either, a certificate that says so goes unchecked") {
  Site site;
  site.first_goes_unchecked = true;
  site.dns.servfail = {owner};
  CHECK(site.deploy(make_bundle(names)).status == Status::tlsa_unknown);
  site.install({});
  CHECK(site.deploy(make_bundle(names)).status == Status::unverifiable);
  site.publish({record_of_nobody()});
  site.dns.servfail.clear();
  site.install({});
  CHECK(site.deploy(make_bundle(names)).status == Status::tlsa_mismatch);
}

TEST_CASE("the ports of the listeners count besides 25") {
  Site site;
  site.verify = {parse_endpoint("127.0.0.1:1"), parse_endpoint("[::1]:1"), parse_endpoint("127.0.0.1:465")};
  site.dns.tlsa = {{"_465._tcp.mx.example.com", {record_of_nobody()}}};
  site.dns.secure = {"_465._tcp.mx.example.com"};
  const DeployOutcome outcome = site.deploy(make_bundle(names));
  CHECK(outcome.status == Status::tlsa_mismatch);
  CHECK(outcome.reason.find("_465._tcp.mx.example.com") != std::string::npos);
  CHECK(site.asked == std::vector<std::uint16_t>{1, 25, 465});
}

TEST_CASE("a script that is only run is not run either when the records do not match") {
  Site site;
  test::TempDir dir;
  test::make_hook(dir / "script", fmt::format("[ $1 != deploy ] || touch {}/ran", dir.path().string()));
  RealClock clock;
  DeployOptions options{.journal_directory = dir / "journal", .original_directory = dir / "original"};
  site.publish({record_of_nobody()});
  FakeResolver resolver(site.dns);
  options.find_tlsa = [&](std::span<const std::string> hosts, std::span<const std::uint16_t> ports) {
    return find_tlsa(resolver, hosts, ports);
  };
  Target target;
  target.hook = (dir / "script").string();
  const Delivery delivery{
      .certificate_name = "mx.example.com", .names = names, .bundle = site.in_service, .lineage = {}};
  CHECK(deploy::deploy(clock, target, delivery, options).status == Status::tlsa_mismatch);
  CHECK_FALSE(std::filesystem::exists(dir / "ran"));
  options.find_tlsa = nullptr;
  deploy::deploy(clock, target, delivery, options);
  CHECK(std::filesystem::exists(dir / "ran"));
}

TEST_CASE("of many RRsets the first is named, and some of the records to publish are told") {
  const auto next = make_bundle(names);
  const std::vector<Chain> chains{pki::parse_certificates(next.full_chain())};
  std::vector<DaneJudgement> judgements;
  for (std::uint16_t port = 1; port <= 20; ++port) {
    TlsaLookup lookup{.name = "mx.example.com", .port = port, .base = dns::DnsName::parse("mx.example.com")};
    lookup.answer = {.status = dns::AnswerStatus::ok, .security = dns::Security::secure, .tlsa = {record_of_nobody()}};
    judgements.push_back(judge_tlsa(lookup, chains));
  }
  const DaneVerdict verdict = decide_by_dane("mx.example.com", judgements, chains, {});
  CHECK(verdict.kind == DaneVerdict::Kind::mismatch);
  CHECK(verdict.reason.find("_1._tcp.mx.example.com and 19 more") != std::string::npos);
  CHECK(std::ranges::count(verdict.hint, '\n') == 13);
  CHECK(verdict.hint.find("mxcert tlsa mx.example.com prints all of them") != std::string::npos);
}

TEST_CASE("of several keys the one without a record is named") {
  const auto first = make_bundle(names);
  const auto second = make_bundle(names, pki::PrivateKey::generate(pki::KeyType::rsa_2048));
  const std::vector<Chain> chains{pki::parse_certificates(first.full_chain()),
                                  pki::parse_certificates(second.full_chain())};
  TlsaLookup lookup{.name = "mx.example.com", .port = 25, .base = dns::DnsName::parse("mx.example.com")};
  lookup.answer = {.status = dns::AnswerStatus::ok, .security = dns::Security::secure, .tlsa = {record_of(first)}};
  const std::vector<DaneJudgement> judgements{judge_tlsa(lookup, chains)};
  const DaneVerdict verdict = decide_by_dane("mx.example.com", judgements, chains, {});
  CHECK(verdict.reason.find("do not match the new certificate's rsa key") != std::string::npos);
  CHECK(verdict.hint.find(leaf_of(second).spki_sha256) != std::string::npos);
  CHECK(verdict.hint.find(leaf_of(first).spki_sha256) == std::string::npos);
}
