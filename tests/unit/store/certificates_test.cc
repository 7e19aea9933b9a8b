#include "store/certificates.h"

#include <sys/stat.h>

#include "base/files.h"
#include "catch.h"
#include "fake_clock.h"
#include "pki/key.h"
#include "self_signed.h"
#include "store/locked_state.h"

using namespace mxcert;
using namespace mxcert::store;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Fixture : test::LockedState {
  Certificates certificates{state};
  const std::string name = "mx.example.com";
  Certificate certificate{.name = name};

  pki::CertificateBundle make_bundle(pki::KeyType type = pki::KeyType::ecdsa_p256) const {
    const auto key = pki::PrivateKey::generate(type);
    const std::vector<std::string> names{name};
    return {.private_key = key.to_pem(),
            .leaf = test::make_self_signed(key, names, *parse_time("2026-11-23T00:00:00Z"), 90 * 24h),
            .chain = ""};
  }
  std::string put_live() {
    const std::string number = certificates.put(certificate, make_bundle(), {});
    certificates.make_live(certificate, number);
    return number;
  }
};

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a version is complete, private and found again") {
  const auto bundle = make_bundle();
  const VersionRecord record{.directory = "https://ca.example/dir",
                             .account = "https://ca.example/acct/1",
                             .order = "https://ca.example/order/1",
                             .issued_at = *parse_time("2026-11-23T15:00:00Z")};
  CHECK(certificates.put(certificate, bundle, record) == "0001");
  CHECK(certificates.put(certificate, make_bundle(), record) == "0002");
  const Version version = certificates.load_version(name, "0001");
  CHECK(version.bundle.private_key == bundle.private_key);
  CHECK(version.leaf.names == std::vector<std::string>{name});
  CHECK(version.record.order == record.order);
  CHECK(version.record.issued_at == record.issued_at);

  const fs::path folder = certificates.version_path(name, "0001");
  CHECK(read_file(folder / "bundle.pem", 1 << 20) == bundle.private_key + bundle.leaf);
  CHECK(mode_of(folder) == 0700);
  CHECK(mode_of(folder / "privkey.pem") == 0600);
  CHECK(mode_of(folder / "bundle.pem") == 0600);
  const Inventory inventory = certificates.load_all();
  REQUIRE(inventory.size() == 1);
  CHECK(inventory.at(name).versions == std::vector<std::string>{"0001", "0002"});
}

TEST_CASE_METHOD(Fixture, "a certificate with a second key is in a folder of its own, as complete and as private") {
  const auto primary = make_bundle();
  const std::vector<VersionPart> further{
      {.bundle = make_bundle(pki::KeyType::rsa_2048), .record = {.order = "https://ca.example/order/2"}}};
  const std::string number = certificates.put(certificate, primary, {.order = "https://ca.example/order/1"}, further);
  const Version version = certificates.load_version(name, number);
  CHECK(version.bundle.private_key == primary.private_key);
  REQUIRE(version.further.size() == 1);
  CHECK(version.further.front().bundle.private_key == further.front().bundle.private_key);
  CHECK(version.further.front().leaf.key_type == pki::KeyType::rsa_2048);
  CHECK(version.further.front().record.order == "https://ca.example/order/2");
  CHECK(version.record.order == "https://ca.example/order/1");
  CHECK(version.parts().size() == 2);
  CHECK(version.parts().front().leaf.key_type == pki::KeyType::ecdsa_p256);

  const fs::path folder = certificates.version_path(name, number) / "rsa";
  const pki::CertificateBundle& bundle = further.front().bundle;
  CHECK(read_file(folder / "bundle.pem", 1 << 20) == bundle.private_key + bundle.leaf);
  CHECK(read_file(folder / "cert.pem", 1 << 20) == bundle.leaf);
  CHECK(fs::exists(folder / "chain.pem"));
  CHECK(mode_of(folder) == 0700);
  CHECK(mode_of(folder / "privkey.pem") == 0600);
  CHECK(mode_of(folder / "bundle.pem") == 0600);
  CHECK(mode_of(folder / "fullchain.pem") == 0644);

  fs::remove(folder / "privkey.pem");
  CHECK_THROWS_WITH(certificates.load_version(name, number), ContainsSubstring("rsa/privkey.pem"));
}

TEST_CASE_METHOD(Fixture, "two certificates whose keys are of one family are no version") {
  const std::vector<VersionPart> further{{.bundle = make_bundle(pki::KeyType::ecdsa_p384)}};
  CHECK_THROWS_WITH(certificates.put(certificate, make_bundle(), {}, further), ContainsSubstring("ecdsa"));
  CHECK(certificates.load(name).versions.empty());
}

TEST_CASE_METHOD(Fixture, "nothing is live until the link is made, and the link is relative") {
  const std::string number = certificates.put(certificate, make_bundle(), {});
  CHECK_FALSE(certificates.load(name).live.exists());
  certificates.make_live(certificate, number);
  CHECK(certificate.live.number() == number);
  CHECK(certificates.load(name).live.intact()->number == number);
  CHECK(fs::read_symlink(certificates.live_path(name)) == fs::path("../certificates/mx.example.com/0001"));
  CHECK(fs::exists(certificates.live_path(name) / "fullchain.pem"));
  CHECK_THROWS_AS(certificates.make_live(certificate, "0007"), Error);
}

TEST_CASE_METHOD(Fixture, "old versions go, but not the live one, the one before it, nor one that is deployed") {
  for (int i = 0; i < 7; ++i)
    put_live();
  certificates.make_live(certificate, "0003");
  certificate.state.deployments["exim"].version = "0001";
  certificates.prune(certificate);
  CHECK(certificates.load(name).versions == certificate.versions);
  CHECK(certificate.versions == std::vector<std::string>{"0001", "0002", "0003", "0005", "0006", "0007"});
}

TEST_CASE_METHOD(Fixture, "a version that a target serves while a later one failed there does not go") {
  for (int i = 0; i < 7; ++i)
    put_live();
  certificate.state.deployments["exim"] = {
      .version = "0007", .state = Deployment::State::failed, .at = {}, .message = "", .served_version = "0002"};
  CHECK(certificate.state.served_versions() == std::set<std::string>{"0002"});
  certificates.prune(certificate);
  CHECK(certificate.versions == std::vector<std::string>{"0002", "0005", "0006", "0007"});
}

TEST_CASE_METHOD(Fixture, "what is remembered comes back, and a damaged memory is an empty one") {
  CertificateState& remembered = certificate.state;
  remembered.desired = {"mx.example.com", "mx2.example.com"};
  remembered.is_default = false;
  remembered.unplanned = true;
  remembered.deployments["exim"] = {.version = "0001",
                                    .state = Deployment::State::unverified,
                                    .by_sni = true,
                                    .at = *parse_time("2026-11-23T15:00:00Z"),
                                    .message = "exim is down",
                                    .served_version = "0000"};
  remembered.dane["_25._tcp.mx.example.com"] = {
      .status = "matches", .fragile = true, .at = *parse_time("2026-11-23T15:00:00Z")};
  remembered.failure = Failure{.count = 3, .at = *parse_time("2026-11-23T15:00:00Z"), .message = "m", .hint = "h"};
  remembered.ca_pauses["https://ca.test/dir"] = *parse_time("2026-11-24T15:00:00Z");
  remembered.failing_names["mx3.example.com"] = {
      .count = 1, .at = *parse_time("2026-11-23T15:00:00Z"), .message = "refused", .hint = ""};
  remembered.renewal_info = {{.certificate = "aki.serial",
                              .window = RenewalWindow{.start = *parse_time("2027-01-01T00:00:00Z"),
                                                      .end = *parse_time("2027-01-02T00:00:00Z"),
                                                      .explanation_url = "https://ca.test/why"},
                              .asked_at = *parse_time("2026-11-23T15:00:00Z"),
                              .next_question = *parse_time("2026-11-23T21:00:00Z")},
                             {.certificate = "aki.rsa",
                              .window = {},
                              .asked_at = *parse_time("2026-11-23T16:00:00Z"),
                              .next_question = *parse_time("2026-11-23T22:00:00Z")}};
  remembered.revocation =
      Revocation{.version = "0001", .reason = "keyCompromise", .at = *parse_time("2026-11-23T15:00:00Z")};
  certificates.save(certificate);
  CHECK(certificates.load(name).state == remembered);
  CHECK(remembered.find_revocation("0001") != nullptr);
  CHECK(remembered.find_revocation("0002") == nullptr);
  CHECK(remembered.find_renewal_info("aki.rsa") == &remembered.renewal_info.back());
  CHECK(remembered.find_renewal_info("aki.other") == nullptr);
  remembered.renewal_info.front().window.reset();
  certificates.save(certificate);
  CHECK(certificates.load(name).state == remembered);

  const fs::path file = state.certificates() / name / "state.json";
  const std::string damaged = GENERATE(
      "", "{", "[]", "null", "{\"deployments\":[1],\"failure\":7,\"desired\":\"x\"}", "{\"failing_names\":{\"a\":7}}",
      "{\"failing_names\":[1]}", "{\"ca_pauses\":{\"https://ca.test/dir\":7}}", "{\"ca_pauses\":[1]}",
      "{\"renewal_info\":{\"window\":{\"start\":\"x\"}}}", "{\"renewal_info\":[1],\"further_renewal_info\":[1,{}]}",
      "{\"dane\":[7]}", "{\"dane\":{\"_25._tcp.mx\":7}}",
      "{\"deployments\":{\"exim\":5},\"failure\":{\"count\":\"x\"}}");
  write_file_atomically(file, damaged, {});
  CHECK_NOTHROW(certificates.load(name));
  CHECK(certificates.load(name).state.desired.empty());
}

TEST_CASE_METHOD(Fixture,
                 "a live version that cannot be read is neither there nor missing, and says which file it is") {
  put_live();
  fs::remove(certificates.version_path(name, "0001") / "privkey.pem");
  const Certificate damaged = certificates.load(name);
  CHECK(damaged.live.exists());
  CHECK(damaged.live.number() == "0001");
  CHECK(damaged.live.intact() == nullptr);
  REQUIRE(damaged.live.damage() != nullptr);
  CHECK_THROWS_WITH(damaged.live_version(), ContainsSubstring("privkey.pem"));
  CHECK_FALSE(certificates.find_key(name, "0001"));
}

TEST_CASE_METHOD(Fixture, "the key of a version is found although its certificate is damaged") {
  put_live();
  const std::string key = read_file(certificates.version_path(name, "0001") / "privkey.pem", 1 << 20);
  write_file_atomically(certificates.version_path(name, "0001") / "cert.pem", "damaged", {});
  CHECK(certificates.load(name).live.damage() != nullptr);
  CHECK(certificates.find_key(name, "0001") == key);
}

TEST_CASE_METHOD(Fixture, "what has not changed is not written") {
  certificate.state.desired = {name};
  certificates.save(certificate);
  const fs::path file = state.certificates() / name / "state.json";
  fs::remove(file);
  certificates.save(certificate);
  CHECK_FALSE(fs::exists(file));
  certificate.state.unplanned = true;
  certificates.save(certificate);
  CHECK(fs::exists(file));
}

TEST_CASE("reading from a state directory that is not there finds nothing") {
  const test::TempDir dir;
  const Certificates none{StateDirectory(dir / "missing")};
  CHECK(none.load_all().empty());
  const Certificate nothing = none.load("mx.example.com");
  CHECK_FALSE(nothing.live.exists());
  CHECK_THROWS_WITH(nothing.live_version(), ContainsSubstring("no live version"));
  CHECK(nothing.state == CertificateState{});
  CHECK_FALSE(fs::exists(dir / "missing"));
}

TEST_CASE_METHOD(Fixture, "what is no certificate's folder is passed over") {
  put_live();
  const fs::path folder = state.certificates();
  for (const char* stray : {"lost+found", ".snapshot", "Old"})
    fs::create_directory(folder / stray);
  write_new_file(folder / "notes.txt", "", {});
  fs::create_symlink("nowhere", folder / "dangling");
  const Inventory inventory = certificates.load_all();
  CHECK(inventory.size() == 1);
  CHECK(inventory.contains(name));
}

TEST_CASE_METHOD(Fixture, "a certificate that cannot be looked at does not hide the others, and says where it is") {
  put_live();
  const fs::path folder = state.certificates() / "a.example";
  fs::create_symlink("a.example", folder);
  Inventory inventory = certificates.load_all();
  REQUIRE(inventory.size() == 2);
  Certificate& odd = inventory.at("a.example");
  CHECK(odd.live.intact() == nullptr);
  const std::string complaint = folder.string() + ": Too many levels of symbolic links";
  CHECK_THROWS_WITH(odd.live_version(), ContainsSubstring(complaint));
  CHECK_THROWS_WITH(certificates.put(odd, make_bundle(), {}), ContainsSubstring(folder.string()));
  CHECK(inventory.at(name).live.intact() != nullptr);
}

TEST_CASE_METHOD(Fixture, "a state that cannot be read is none, as a damaged one") {
  certificate.state.desired = {"a.example"};
  certificates.save(certificate);
  const fs::path file = state.certificates() / name / "state.json";
  fs::remove(file);
  SECTION("a directory") {
    fs::create_directory(file);
  }
  SECTION("a link to itself") {
    fs::create_symlink("state.json", file);
  }
  SECTION("damaged") {
    write_new_file(file, "{", {});
  }
  CHECK(certificates.load(name).state == CertificateState());
}
