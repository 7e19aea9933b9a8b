#include "deploy/hook.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "catch.h"
#include "deploy/make_credentials.h"
#include "deploy/make_hook.h"
#include "temp_dir.h"

using namespace mxcert;
using namespace mxcert::deploy;
using namespace std::chrono_literals;
using test::make_hook;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

const Delivery delivery{.certificate_name = "mx.example.com",
                        .names = {"mx.example.com", "mx2.example.com"},
                        .bundle = {},
                        .lineage = "/var/lib/mxcert/live/mx.example.com"};

HookAnswer run(const fs::path& program, HookEvent event = HookEvent::deploy, bool configure = false,
               std::chrono::milliseconds timeout = 10s) {
  RealClock clock;
  return run_hook(clock, program, event, {.hook = program.string(), .timeout = timeout}, delivery, configure);
}

}  // namespace

TEST_CASE("a hook is told the event, the names and where the files are, and nothing else") {
  const TempDir dir;
  ::setenv("MXCERT_TEST_SECRET", "do not tell", 1);
  const fs::path program =
      make_hook(dir / "hook", "echo $# $1; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^MXCERT_VERSION=[0-9] | sort");
  CHECK(run(program, HookEvent::deploy, true).standard_output ==
        "1 deploy\n"
        "LC_ALL=C\n"
        "MXCERT_BUNDLE=/var/lib/mxcert/live/mx.example.com/bundle.pem\n"
        "MXCERT_CERT=/var/lib/mxcert/live/mx.example.com/cert.pem\n"
        "MXCERT_CHAIN=/var/lib/mxcert/live/mx.example.com/chain.pem\n"
        "MXCERT_CONFIGURE=1\n"
        "MXCERT_EVENT=deploy\n"
        "MXCERT_FULLCHAIN=/var/lib/mxcert/live/mx.example.com/fullchain.pem\n"
        "MXCERT_KEY_TYPES=\n"
        "MXCERT_LINEAGE=/var/lib/mxcert/live/mx.example.com\n"
        "MXCERT_NAME=mx.example.com\n"
        "MXCERT_NAMES=mx.example.com mx2.example.com\n"
        "MXCERT_PRIVKEY=/var/lib/mxcert/live/mx.example.com/privkey.pem\n"
        "MXCERT_ROLE=default\n"
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        "RENEWED_DOMAINS=mx.example.com mx2.example.com\n"
        "RENEWED_LINEAGE=/var/lib/mxcert/live/mx.example.com\n");
  ::unsetenv("MXCERT_TEST_SECRET");
}

TEST_CASE("a hook is told the role of the certificate, and the types of its keys, the primary one first") {
  const TempDir dir;
  const fs::path program = make_hook(dir / "hook", "echo $MXCERT_ROLE: $MXCERT_KEY_TYPES");
  const std::vector<std::string> names{"mx.example.com"};
  Delivery both{
      .certificate_name = "mx.example.com",
      .names = names,
      .bundle = test::make_bundle(names, pki::PrivateKey::generate(pki::KeyType::rsa_2048)),
      .further_bundles = {test::make_bundle(names, pki::PrivateKey::generate(pki::KeyType::ecdsa_p384))},
      .role = Role::sni,
  };
  RealClock clock;
  CHECK(run_hook(clock, program, HookEvent::deploy, {.hook = program.string()}, both, false).standard_output ==
        "sni: rsa ecdsa\n");
}

TEST_CASE("exit status 42 means that the event is nothing to the hook") {
  const TempDir dir;
  CHECK_FALSE(run(make_hook(dir / "hook", "exit 42")).handled);
  CHECK(run(make_hook(dir / "hook", "exit 0")).handled);
}

TEST_CASE("a failed hook's last words are in the message, safe for a terminal and not too many") {
  const TempDir dir;
  const auto complaint = [&](const std::string& script) -> std::string {
    try {
      run(make_hook(dir / "hook", script + " >&2; exit 3"));
      return "no error";
    } catch (const Error& e) {
      CHECK(e.code() == "hook_failed");
      return e.message();
    }
  };
  CHECK(complaint("for i in 1 2 3 4 5; do echo \"line $i\"; echo; done") ==
        "hook hook deploy exited with status 3: line 2 / line 3 / line 4 / line 5");
  CHECK_THAT(complaint("printf '\\033[31mred\\n'"), ContainsSubstring("\\x1b[31mred"));
  const std::string long_line = complaint("printf '%0900d end\\n' 7");
  CHECK(long_line.size() < 700);
  CHECK(complaint("true") == "hook hook deploy exited with status 3");
}

TEST_CASE("a hook that hangs is ended with all that it started") {
  const TempDir dir;
  const fs::path program = make_hook(dir / "hook", "sleep 60 & echo $! >" + (dir / "pid").string() + "; sleep 60");
  const auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_WITH(run(program, HookEvent::check, false, 500ms),
                    ContainsSubstring("hook hook check did not end within 0.5 s"));
  CHECK(std::chrono::steady_clock::now() - start < 10s);
  pid_t pid = 0;
  std::ifstream(dir / "pid") >> pid;
  REQUIRE(pid > 0);
  std::string state;  // gone, or a zombie that waits for its new parent
  for (int i = 0; i < 100 && (std::ifstream("/proc/" + std::to_string(pid) + "/status").good() && state != "Z"); ++i) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string word; status >> word;)
      if (word == "State:") status >> state;
    ::usleep(10'000);
  }
  CHECK((state == "Z" || !fs::exists("/proc/" + std::to_string(pid))));
}

TEST_CASE("endless output neither fills the memory nor outlives the timeout") {
  const TempDir dir;
  CHECK_THROWS_WITH(run(make_hook(dir / "hook", "exec yes"), HookEvent::describe, false, 500ms),
                    ContainsSubstring("did not end within"));
}

TEST_CASE("a name is looked for among the hooks that ship, a path is taken as it is") {
  const TempDir dir;
  make_hook(dir / "exim", "");
  make_hook(dir / "postfix", "");
  CHECK(find_hook("exim", dir.path()) == dir / "exim");
  CHECK(find_hook((dir / "postfix").string(), "/nonexistent") == dir / "postfix");
}

TEST_CASE("what reloads a daemon is a program of the system or a path, and nobody else's") {
  CHECK(find_reload_program("true").filename() == "true");
  CHECK(find_reload_program("/bin/true") == "/bin/true");
  CHECK_THROWS_WITH(find_reload_program("no-such-program"),
                    ContainsSubstring("no program \"no-such-program\" in /usr"));
  CHECK_THROWS_WITH(find_reload_program("bin/true"), ContainsSubstring("nor an absolute path"));
  const TempDir dir;
  const fs::path program = make_hook(dir / "reload", "true");
  fs::permissions(program, fs::perms::others_write, fs::perm_options::add);
  CHECK_THROWS_WITH(find_reload_program(program), ContainsSubstring("can be written by others"));
}

TEST_CASE("a misspelt hook name gets the right one suggested") {
  const TempDir dir;
  make_hook(dir / "exim", "");
  write_new_file(dir / "README.md", "", {.mode = 0644});
  try {
    find_hook("exmi", dir.path());
    FAIL("no error");
  } catch (const ConfigError& e) {
    CHECK_THAT(e.message(), ContainsSubstring("no hook \"exmi\" in "));
    CHECK(e.hint() == "did you mean exim?");
  }
  try {
    find_hook("sendmail-or-so", dir.path());
    FAIL("no error");
  } catch (const ConfigError& e) {
    CHECK_THAT(e.hint(), ContainsSubstring("there is exim; or give the path"));
  }
  CHECK_THROWS_AS(find_hook("", dir.path()), ConfigError);
  CHECK_THROWS_AS(find_hook("..", dir.path()), ConfigError);
  CHECK_THROWS_AS(find_hook((dir / "none").string(), dir.path()), ConfigError);
}

TEST_CASE("a hook that cannot be run, or that others could change, is refused") {
  const TempDir dir;
  const fs::path program = make_hook(dir / "hook", "");
  ::chmod(program.c_str(), 0644);
  CHECK_THROWS_WITH(find_hook(program.string(), {}), ContainsSubstring("is not executable"));
  ::chmod(program.c_str(), 0757);
  CHECK_THROWS_WITH(find_hook(program.string(), {}), ContainsSubstring("can be written by others"));
  CHECK_THROWS_WITH(find_hook("hook", dir.path()), ContainsSubstring("can be written by others"));
  CHECK_THROWS_WITH(find_hook(dir.path().string(), {}), ContainsSubstring("is not a file"));
  ::chmod(program.c_str(), 0755);
  CHECK(find_hook(program.string(), {}) == program);
  if (::geteuid() != 0) {
    WARN("not root: ownership is not tested");
    return;
  }
  REQUIRE(::chown(program.c_str(), 65534, 0) == 0);
  CHECK_THROWS_WITH(find_hook(program.string(), {}), ContainsSubstring("belongs to another user"));
  CHECK(find_hook("hook", dir.path()) == program);
}

TEST_CASE("run from a build folder, the hooks of the sources are found") {
  const TempDir dir;
  CHECK(shipped_hooks_directory().is_absolute());
}
