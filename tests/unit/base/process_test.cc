#include "base/process.h"

#include "base/error.h"
#include "catch.h"

using namespace mxcert;
using namespace std::chrono_literals;

namespace {
RealClock clock_of_machine;
ProcessResult run(std::vector<std::string> arguments, std::chrono::milliseconds timeout = 10s, std::string input = {}) {
  return run_process(clock_of_machine, {.arguments = std::move(arguments),
                                        .environment = {{"MARK", "here"}},
                                        .standard_input = std::move(input),
                                        .timeout = timeout});
}
}  // namespace

TEST_CASE("a program's streams and exit status come back") {
  const auto result = run({"sh", "-c", "echo out; echo err >&2; exit 42"});
  CHECK(result.exit_status == 42);
  CHECK(result.standard_output == "out\n");
  CHECK(result.standard_error == "err\n");
  CHECK(result.describe() == "exited with status 42");
}

TEST_CASE("nothing of our environment is passed on") {
  REQUIRE(::setenv("MXCERT_TEST_SECRET", "x", 1) == 0);
  CHECK(run({"env"}).standard_output == "MARK=here\n");
}

TEST_CASE("arguments are not seen by a shell") {
  CHECK(run({"printf", "%s", "$(id); `id` *"}).standard_output == "$(id); `id` *");
}

TEST_CASE("what hangs is ended with all its children") {
  const auto result = run({"sh", "-c", "echo started; sleep 1000 & sleep 1000"}, 200ms);
  CHECK(result.timed_out);
  CHECK_FALSE(result.succeeded());
  CHECK(result.standard_output == "started\n");
}

TEST_CASE("a program that leaves a daemon behind does not hold us up") {
  const auto result = run({"sh", "-c", "sleep 3 & echo done"}, 60s);
  CHECK(result.succeeded());
  CHECK(result.standard_output == "done\n");
}

TEST_CASE("input is fed, also to who does not read it") {
  CHECK(run({"cat"}, 10s, std::string(300'000, 'x')).standard_output.size() == 300'000);
  CHECK(run({"true"}, 10s, std::string(300'000, 'x')).succeeded());
}

TEST_CASE("endless output is cut, not kept") {
  const auto result = run({"sh", "-c", "head -c 5000000 /dev/zero"});
  CHECK(result.succeeded());
  CHECK(result.standard_output.size() == 1 << 20);
}

TEST_CASE("a program that writes without end is ended at its deadline") {
  const auto result = run({"yes"}, 200ms);
  CHECK(result.timed_out);
  CHECK(result.standard_output.size() == 1 << 20);
}

TEST_CASE("a program that is not there or cannot be run is an error that names it") {
  CHECK_THROWS_WITH(run({"no-such-program-here"}), ContainsSubstring("no-such-program-here"));
  CHECK_THROWS_WITH(run({"/etc/passwd"}), ContainsSubstring("Permission denied"));
}
