#include "app/run.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "catch.h"
#include "fake_clock.h"
#include "self_signed.h"
#include "store/certificates.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::app;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Ended {
  int status = -1;
  nlohmann::json document;  // of stdout
};

struct Fixture {
  test::TempDir dir;
  test::FakeClock clock;
  store::StateDirectory state{dir / "state"};
  config::CommandLine line;

  Fixture() {
    line.invocation.verb = config::Verb::status;
    line.invocation.json = true;
    line.options.state_dir = (dir / "state").string();
    write_new_file(dir / "mxcert.toml", "contact = [\"postmaster@example.com\"]\nagree_tos = true\n", {});
    line.options.config_file = dir / "mxcert.toml";
  }

  /// In a process of its own: signals and the log are set up once for each.
  Ended run(Clock& at) const {
    const Fd output(::open((dir / "stdout").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600));
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(output.get(), STDOUT_FILENO);
      ::_exit(app::run(line, at));
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, nlohmann::json::parse(read_file(dir / "stdout", 1 << 20))};
  }

  void store_certificate(const std::string& name) {
    const store::Lock lock = state.lock(clock, 0ms);
    store::Certificates certificates(state);
    const auto key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
    const std::vector<std::string> names{name};
    store::Certificate certificate{.name = name};
    const std::string number = certificates.put(
        certificate,
        {.private_key = key.to_pem(), .leaf = test::make_self_signed(key, names, clock.now(), 90 * 24h), .chain = ""},
        {});
    certificates.make_live(certificate, number);
  }
};

/// As if memory were short.
class ThrowingClock final : public Clock {
 public:
  SystemTime now() override { throw std::bad_alloc(); }
  SteadyTime steady_now() override { throw std::bad_alloc(); }
  void sleep_for(std::chrono::milliseconds) override { throw std::bad_alloc(); }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "with --json there is a document, whatever is thrown") {
  line.invocation.verb = config::Verb::rollback;
  ThrowingClock broken;
  const Ended ended = run(broken);
  CHECK(ended.status == 1);
  REQUIRE(ended.document["errors"].size() == 1);
  CHECK(ended.document["errors"][0]["code"] == "unexpected");
}

TEST_CASE_METHOD(Fixture, "a certificate whose files are odd is an error with its path, and the others are shown") {
  store_certificate("a.example");
  store_certificate("b.example");
  const fs::path folder = state.certificates() / "a.example";
  fs::remove_all(folder);
  SECTION("a link to itself") {
    fs::create_symlink("a.example", folder);
  }
  SECTION("a version without files") {
    fs::create_directories(folder / "0001");
  }
  const Ended ended = run(clock);
  CHECK(ended.status == 1);
  REQUIRE(ended.document["certificates"].size() == 1);
  CHECK(ended.document["certificates"][0]["name"] == "b.example");
  REQUIRE(ended.document["errors"].size() == 1);
  CHECK(ended.document["errors"][0]["subject"] == "a.example");
  CHECK_THAT(ended.document["errors"][0]["message"].get<std::string>(), ContainsSubstring(folder.string()));
}
