#include "deploy/judge.h"

#include "catch.h"
#include "deploy/make_credentials.h"

using namespace mxcert;
using namespace mxcert::deploy;
using Status = ProbeResult::Status;

namespace {

Observation at(std::uint16_t port, Status status, const std::string& reason) {
  return {.check = {.endpoint = {.address = "192.0.2.1", .port = port}},
          .result = {.status = status, .reason = reason}};
}
Observation shows(std::uint16_t port, const pki::Certificate& leaf) {
  return {.check = {.endpoint = {.address = "192.0.2.1", .port = port}},
          .result = {.status = Status::shown, .chain = {leaf}}};
}
pki::Certificate make_leaf(const std::string& name) {
  return pki::parse_certificates(test::make_bundle({name}).leaf).front();
}
/// `leaf` signed by an issuer, in name.
pki::Certificate issued(pki::Certificate leaf) {
  leaf.issuer = "CN=issuer";
  return leaf;
}
Expectation expect(const pki::Certificate& leaf, Role role = Role::default_certificate) {
  return {.names = {}, .role = role, .chains = {{.chain = {leaf}}}};
}
using Observations = std::vector<Observation>;

}  // namespace

TEST_CASE("a listener without TLS before and after is a warning when another one proves the certificate") {
  const auto leaf = make_leaf("new.example");
  const Observations before{at(25, Status::no_starttls, "does not offer STARTTLS"),
                            shows(465, make_leaf("old.example"))};
  const Observations after{before[0], shows(465, leaf)};
  const Judgement judgement = judge_new(before, after, expect(leaf), false);
  CHECK(judgement.good());
  REQUIRE(judgement.warnings.size() == 1);
  CHECK(summarize(judgement.warnings) == "192.0.2.1:25 without SNI does not offer STARTTLS");
}

TEST_CASE("a listener that the administrator named has to serve the certificate") {
  const auto leaf = make_leaf("new.example");
  const Observations before{at(25, Status::unreachable, "refuses connections"), shows(465, leaf)};
  CHECK_FALSE(judge_new(before, before, expect(leaf), true).good());
}

TEST_CASE("a listener that served TLS before and does not now is a fault") {
  const auto leaf = make_leaf("new.example");
  const Observations before{shows(25, make_leaf("old.example")), shows(465, make_leaf("old.example"))};
  const Observations after{at(25, Status::unreachable, "refuses connections"), shows(465, leaf)};
  CHECK_FALSE(judge_new(before, after, expect(leaf), false).good());
}

TEST_CASE("where nothing proves the certificate, nothing is proven") {
  const auto leaf = make_leaf("new.example");
  const Observations before{at(25, Status::unreachable, "refuses connections")};
  const Judgement judgement = judge_new(before, before, expect(leaf), false);
  CHECK(judgement.faults.size() == 1);
  CHECK(judgement.warnings.empty());
}

TEST_CASE("a broken handshake is never excused") {
  const auto leaf = make_leaf("new.example");
  const Observations before{at(25, Status::handshake_failed, "ends TLS"), shows(465, leaf)};
  CHECK_FALSE(judge_new(before, before, expect(leaf), false).good());
}

TEST_CASE("after undoing, a kept certificate has to be served again") {
  const auto old_leaf = make_leaf("old.example");
  const auto new_leaf = make_leaf("new.example");
  const Observations before{shows(25, old_leaf)};
  const std::set kept{old_leaf.sha256_fingerprint};
  CHECK(judge_restored(before, Observations{shows(25, old_leaf)}, kept, expect(new_leaf)).good());
  CHECK_FALSE(judge_restored(before, Observations{shows(25, new_leaf)}, kept, expect(new_leaf)).good());
  CHECK_FALSE(
      judge_restored(before, Observations{shows(25, make_leaf("third.example"))}, kept, expect(new_leaf)).good());
  CHECK_FALSE(judge_restored(before, Observations{at(25, Status::handshake_failed, "ends TLS")}, kept, expect(new_leaf))
                  .good());
}

TEST_CASE("after undoing, a made-up certificate may be another made-up one, but not the new one") {
  const auto new_leaf = make_leaf("new.example");
  const Observations before{shows(25, make_leaf("made-up.example"))};
  CHECK(judge_restored(before, Observations{shows(25, make_leaf("made-up.example"))}, {}, expect(new_leaf)).good());
  CHECK_FALSE(judge_restored(before, Observations{shows(25, new_leaf)}, {}, expect(new_leaf)).good());
}

TEST_CASE("after undoing, a certificate that somebody issued has to be the same, wherever the daemon has it from") {
  const auto old_leaf = issued(make_leaf("old.example"));
  const Observations before{shows(25, old_leaf)};
  CHECK(judge_restored(before, before, {}, expect(make_leaf("new.example"))).good());
  CHECK_FALSE(judge_restored(before, Observations{shows(25, issued(make_leaf("third.example")))}, {},
                             expect(make_leaf("new.example")))
                  .good());
}

TEST_CASE("of a further certificate, who says no name sees nothing, and sees no change") {
  const auto old_leaf = issued(make_leaf("old.example"));
  const auto leaf = make_leaf("new.example");
  const auto named = [](Observation observation) {
    observation.check.server_name = "new.example";
    return observation;
  };
  const Observations before{shows(25, old_leaf), named(shows(25, old_leaf))};
  const auto judged = [&](const Observation& without, const Observation& with) {
    return judge_new(before, Observations{without, named(with)}, expect(leaf, Role::sni), false).good();
  };
  CHECK(judged(shows(25, old_leaf), shows(25, leaf)));
  CHECK_FALSE(judged(shows(25, leaf), shows(25, leaf)));
  CHECK_FALSE(judged(shows(25, issued(make_leaf("third.example"))), shows(25, leaf)));
  CHECK_FALSE(judged(at(25, Status::handshake_failed, "ends TLS"), shows(25, leaf)));
  CHECK_FALSE(judged(shows(25, old_leaf), shows(25, old_leaf)));
}

TEST_CASE("that nothing changed for who says no name proves nothing of a further certificate") {
  const auto named = [](Observation observation) {
    observation.check.server_name = "new.example";
    return observation;
  };
  const Observations before{shows(25, issued(make_leaf("old.example"))),
                            named(at(25, Status::unreachable, "refuses connections"))};
  CHECK_FALSE(judge_new(before, before, expect(make_leaf("new.example"), Role::sni), false).good());
}

TEST_CASE("names of a certificate that somebody issued are not lost unasked") {
  const auto now = std::chrono::system_clock::now();
  const auto leaf = make_leaf("mx.example.com");
  auto served = issued(make_leaf("mx.example.com"));
  served.names = {"mx.example.com", "imap.example.com", "www.example.com"};
  const Observations before{shows(25, served), shows(465, served)};
  const auto none_may = [](const pki::Certificate&, const std::string&) { return false; };
  const auto lost = [&](const Observations& seen, const Expectation& expectation, SystemTime at, const auto& may_lose) {
    std::string names;
    for (const LostName& each : find_lost_names(seen, expectation, at, may_lose))
      names += each.name + " ";
    return names;
  };
  CHECK(lost(before, expect(leaf), now, none_may) == "imap.example.com www.example.com ");
  CHECK(lost(before, expect(leaf), now, [](const auto&, const auto& name) { return name.starts_with("www"); }) ==
        "imap.example.com ");
  CHECK(lost(before, expect(leaf), now, nullptr).empty());
  CHECK(lost(before, expect(leaf, Role::sni), now, none_may).empty());
  CHECK(lost(before, expect(leaf), now + std::chrono::hours(48), none_may).empty());
  auto made_up = make_leaf("foo.example.com");
  CHECK(lost(Observations{shows(25, made_up)}, expect(leaf), now, none_may).empty());
}

TEST_CASE("what who verifies trusts is looked for where the certificate is to be shown") {
  const auto leaf = make_leaf("mx.example.com");
  const auto trusts = [](const std::string& name) {
    return [name](std::span<const pki::Certificate> chain) {
      return chain.front().names.front() == name ? std::string() : "unable to get local issuer certificate";
    };
  };
  Observations before{at(25, Status::handshake_failed, "ends TLS"), shows(465, make_leaf("old.example.com"))};
  CHECK(find_trusted(before, expect(leaf), trusts("old.example.com")) == &before[1]);
  CHECK(find_trusted(before, expect(leaf), trusts("other.example.com")) == nullptr);
  CHECK(find_trusted(before, expect(leaf, Role::sni), trusts("old.example.com")) == nullptr);
  before[1].check.server_name = "mx.example.com";
  CHECK(find_trusted(before, expect(leaf, Role::sni), trusts("old.example.com")) == &before[1]);
}

TEST_CASE("after undoing, what was broken before may be broken still") {
  const Observations before{at(25, Status::handshake_failed, "ends TLS")};
  CHECK(judge_restored(before, before, {}, expect(make_leaf("new.example"))).good());
}

TEST_CASE("an outage is a handshake that fails where one succeeded before") {
  const Observations shown{shows(25, make_leaf("old.example"))};
  const Observations failed{at(25, Status::handshake_failed, "ends TLS")};
  const Observations refused{at(25, Status::unreachable, "refuses connections")};
  CHECK(is_broken(shown, failed));
  CHECK_FALSE(is_broken(failed, failed));
  CHECK_FALSE(is_broken(shown, refused));
}

TEST_CASE("a listener that is gone may come back; one that never was there is not waited for") {
  const Observations shown{shows(25, make_leaf("old.example"))};
  const Observations refused{at(25, Status::unreachable, "refuses connections")};
  CHECK(any_gone(shown, refused));
  CHECK_FALSE(any_gone(refused, refused));
  CHECK_FALSE(any_gone(shown, shown));
  CHECK_FALSE(any_gone(shown, Observations{at(25, Status::timed_out, "does not answer in time")}));
}

TEST_CASE("faults of one kind are told once") {
  const auto fault = [](std::uint16_t port, const std::string& text) {
    return Fault{{.endpoint = {.address = "192.0.2.1", .port = port}}, text};
  };
  const std::vector<Fault> faults{fault(25, "refuses connections"), fault(465, "ends TLS"),
                                  fault(587, "refuses connections"), fault(26, "a"), fault(27, "b")};
  CHECK(summarize(faults) ==
        "192.0.2.1:25 without SNI, and 1 more, refuses connections; 192.0.2.1:465 without SNI ends TLS; "
        "192.0.2.1:26 without SNI a; and 1 more");
}
