#include "store/state_directory.h"

#include <sys/stat.h>

#include "base/files.h"
#include "catch.h"
#include "fake_clock.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::store;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST_CASE("a state directory is made private") {
  const test::TempDir dir;
  RealClock clock;
  const StateDirectory state(dir / "state");
  const Lock lock = state.lock(clock, 0ms);
  for (const fs::path& path :
       {state.root(), state.accounts(), state.certificates(), state.live(), state.orders(), state.tmp()}) {
    CAPTURE(path);
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0700);
  }
}

TEST_CASE("two runs at once: the second waits, then says who holds the lock") {
  const test::TempDir dir;
  test::FakeClock clock;
  const StateDirectory state(dir / "state");
  {
    const Lock first = state.lock(clock, 0ms);
    CHECK_THROWS_WITH(state.lock(clock, 5s), ContainsSubstring("process " + std::to_string(::getpid())));
    CHECK(clock.slept() >= 5s);
  }
  CHECK_NOTHROW(state.lock(clock, 0ms));
}

TEST_CASE("what a killed run left unfinished is cleared") {
  const test::TempDir dir;
  RealClock clock;
  const StateDirectory state(dir / "state");
  { const Lock lock = state.lock(clock, 0ms); }
  fs::create_directories(state.tmp() / "mx.example.com.0001");
  write_file_atomically(state.tmp() / "mx.example.com.0001/privkey.pem", "half", {});
  const Lock lock = state.lock(clock, 0ms);
  CHECK(fs::is_empty(state.tmp()));
}

TEST_CASE("a name that leads out of the state directory is none") {
  const std::string name = GENERATE("", ".", "..", "../x", "a/b", ".hidden", "A", "a b", "a\n", "bücher");
  CAPTURE(name);
  CHECK_THROWS_AS(require_safe_name(name), Error);
  CHECK_NOTHROW(require_safe_name("mx-1.example.com"));
}
