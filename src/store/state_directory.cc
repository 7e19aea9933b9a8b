#include "store/state_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/files.h"
#include "base/log.h"
#include "base/text.h"

namespace mxcert::store {
namespace fs = std::filesystem;
namespace {

/// ` (process 812)`, from what the holder wrote into the lock file; nothing when it is not readable.
std::string describe_holder(const fs::path& lock_file) {
  try {
    const std::string text = read_file(lock_file, 32);
    const std::string pid(trim(text));
    if (!pid.empty() && std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; }))
      return fmt::format(" (process {})", pid);
  } catch (const Error&) {
    // Only for the message; without it the message is still true.
  }
  return {};
}

void write_holder(const Fd& file, const fs::path& path) {
  if (::ftruncate(file.get(), 0) != 0) throw_system_error("cannot write " + path.string());
  write_all(file.get(), fmt::format("{}\n", ::getpid()), path);
}

}  // namespace

Lock StateDirectory::lock(Clock& clock, std::chrono::milliseconds timeout) const {
  make_directory(root_, private_directory);
  for (const fs::path& folder : {accounts(), certificates(), live(), orders(), tmp()})
    make_directory(folder, private_directory);

  const fs::path path = root_ / "lock";
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file)
    throw_system_error("cannot open " + path.string(),
                       "run mxcert as the user who owns the state directory, usually root");
  const Deadline deadline = Deadline::after(clock, timeout);
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw_system_error("cannot lock " + path.string());
    if (deadline.passed(clock))
      throw Locked(fmt::format("another mxcert run{} works on {}", describe_holder(path), root_.string()));
    clock.sleep_for(std::min(deadline.left(clock), std::chrono::milliseconds{100}));
  }
  write_holder(file, path);
  for (const fs::path& left_over : list_directory(tmp()))
    try {
      remove_tree(left_over);
    } catch (const Error& e) {  // it is in nobody's way
      log::warning(e.message());
    }
  return Lock(std::move(file));
}

bool is_safe_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !name.empty() && name.size() <= 253 && name.front() != '.' && std::ranges::all_of(name, allowed);
}

const std::string& require_safe_name(const std::string& name) {
  if (!is_safe_name(name))
    throw Error(fmt::format("{} cannot be the name of a certificate", printable(name, 300)),
                "see mxcert status for the names there are");
  return name;
}

}  // namespace mxcert::store
