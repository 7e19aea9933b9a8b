#include "base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/handle.h"
#include "base/text.h"
#include "base/wait.h"

namespace mxcert {
namespace {

constexpr std::size_t max_complaint_lines = 4;
constexpr std::size_t max_complaint_bytes = 600;
constexpr std::string_view system_folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Pipe {
  Fd read;
  Fd write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_system_error("cannot create a pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

void set_nonblocking(const Fd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Where to find `name`: itself when it has a slash, else the first executable in the system's folders.
std::string program_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  std::string_view path = system_folders;
  while (!path.empty()) {
    const auto colon = path.find(':');
    std::string candidate = fmt::format("{}/{}", path.substr(0, colon), name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    path.remove_prefix(colon == std::string_view::npos ? path.size() : colon + 1);
  }
  throw Error(fmt::format("cannot run {}: no such program in {}", name, system_path()));
}

/// The child between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment, int in, int out,
                         int err, int report) {
  ::setpgid(0, 0);
  for (const int signal : {SIGPIPE, SIGINT, SIGTERM})
    ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(in, 0) >= 0 && ::dup2(out, 1) >= 0 && ::dup2(err, 2) >= 0) ::execve(program, arguments, environment);
  const int failure = errno;
  [[maybe_unused]] const auto written = ::write(report, &failure, sizeof failure);
  ::_exit(127);
}

/// Ends and reaps the child's process group, whatever way the parent leaves.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ < 0) return;
    kill_group();
    ::waitpid(pid_, nullptr, 0);
  }
  void kill_group() const {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
  }
  /// True when it has ended; its status is then in `status`.
  bool try_wait(int& status) {
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) pid_ = -1;
    return ended != 0;
  }

 private:
  pid_t pid_;
};

/// Reads what is there into `into`, up to `limit`; closes the descriptor at its end. Comes back in between from who
/// writes without end, so that the deadline is looked at.
void drain(Fd& fd, std::string& into, std::size_t limit) {
  std::array<char, 16384> buffer;
  for (int reads = 0; reads < 64; ++reads) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count > 0) {
      into.append(buffer.data(), std::min(static_cast<std::size_t>(count), limit - std::min(limit, into.size())));
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) fd.reset();
    return;
  }
}

void feed(Fd& fd, std::string_view& rest) {
  while (!rest.empty()) {
    const ssize_t count = ::write(fd.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count < 0) break;  // it does not read its input: its own affair
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  fd.reset();
}

}  // namespace

std::string ProcessResult::describe() const {
  if (timed_out) return "did not end in time";
  if (signal != 0) return fmt::format("ended by signal {}", signal);
  return fmt::format("exited with status {}", exit_status);
}

std::string ProcessResult::complaint() const {
  std::vector<std::string> lines;
  for (const std::string_view line : split(standard_error, '\n'))
    if (!trim(line).empty()) lines.push_back(printable(trim(line), max_complaint_bytes));
  if (lines.size() > max_complaint_lines) lines.erase(lines.begin(), lines.end() - max_complaint_lines);
  std::string text = join(lines, " / ");
  if (text.size() > max_complaint_bytes) text = "…" + text.substr(text.size() - max_complaint_bytes);
  return printable(text, max_complaint_bytes + 10);
}

void require_trusted_program(const std::filesystem::path& program, const std::string& what, bool ships_with_us) {
  struct stat status {};
  if (::stat(program.c_str(), &status) != 0)
    throw ConfigError(fmt::format("{} cannot be run: {}", what, std::strerror(errno)));
  if (!S_ISREG(status.st_mode)) throw ConfigError(fmt::format("{} is not a file", what));
  const bool foreign_group = (status.st_mode & S_IWGRP) != 0 && status.st_gid != 0 && status.st_gid != ::getegid();
  if ((status.st_mode & S_IWOTH) != 0 || (foreign_group && !ships_with_us))
    throw ConfigError(fmt::format("{} can be written by others", what), fmt::format("chmod go-w {}", program.string()));
  if (!ships_with_us && status.st_uid != 0 && status.st_uid != ::geteuid())
    throw ConfigError(fmt::format("{} belongs to another user (uid {})", what, status.st_uid),
                      fmt::format("chown root {}", program.string()));
  if ((status.st_mode & 0111) == 0 || ::access(program.c_str(), X_OK) != 0)
    throw ConfigError(fmt::format("{} is not executable", what), fmt::format("chmod +x {}", program.string()));
}

std::string system_path() {
  return std::string(system_folders);
}

ProcessResult run_process(Clock& clock, const Command& command) {
  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> environment;
  for (const auto& [name, value] : command.environment)
    environment.push_back(fmt::format("{}={}", name, value));
  const std::string program = program_path(arguments.at(0));
  const auto argv = pointers_to(arguments);
  const auto envp = pointers_to(environment);
  Pipe in = make_pipe();
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  Pipe report = make_pipe();

  const Deadline deadline = Deadline::after(clock, command.timeout);
  const pid_t pid = ::fork();
  if (pid < 0) throw_system_error(fmt::format("cannot start {}", arguments[0]));
  if (pid == 0)
    become(program.c_str(), argv.data(), envp.data(), in.read.get(), out.write.get(), err.write.get(),
           report.write.get());
  Child child(pid);
  ::setpgid(pid, pid);  // also here, so that the group exists before we may have to kill it
  in.read.reset();
  out.write.reset();
  err.write.reset();
  report.write.reset();

  int exec_failure = 0;
  if (::read(report.read.get(), &exec_failure, sizeof exec_failure) == sizeof exec_failure)
    throw_system_error(exec_failure, fmt::format("cannot run {}", arguments[0]));

  for (const Fd* fd : {&in.write, &out.read, &err.read})
    set_nonblocking(*fd);
  std::string_view input = command.standard_input;
  if (input.empty()) in.write.reset();
  ::signal(SIGPIPE, SIG_IGN);  // a program that does not read its input must not end us

  ProcessResult result;
  int status = 0;
  // The streams may outlive the program (a daemon it started holds them) and the program its streams: what counts is
  // the program. Its end is looked for often enough not to be felt.
  std::chrono::milliseconds nap{1};
  for (;;) {
    pollfd waits[] = {{in.write.get(), POLLOUT, 0}, {out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}};
    wait_for_any(clock, waits, Deadline{std::min(deadline.at, Deadline::after(clock, nap).at)},
                 command.despite_stop ? AtStop::hurry : AtStop::interrupt);
    if (waits[0].revents != 0) feed(in.write, input);
    if (waits[1].revents != 0) drain(out.read, result.standard_output, command.max_output_bytes);
    if (waits[2].revents != 0) drain(err.read, result.standard_error, command.max_output_bytes);
    if (child.try_wait(status)) break;
    if (deadline.passed(clock)) {
      result.timed_out = true;
      child.kill_group();
    }
    nap = std::min(nap * 2, std::chrono::milliseconds{20});
  }
  if (out.read) drain(out.read, result.standard_output, command.max_output_bytes);
  if (err.read) drain(err.read, result.standard_error, command.max_output_bytes);
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  return result;
}

}  // namespace mxcert
