#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/handle.h"

namespace mxcert::store {

/// The mode of every directory in the state directory, and of itself.
inline constexpr mode_t private_directory = 0700;

/// Another run holds the lock of the state directory. Exit status 75.
class Locked : public Error {
 public:
  explicit Locked(std::string message)
      : Error(std::move(message), "wait for it to end, or give it more time with --lock-timeout", "locked") {}
};

/// Held while the state directory may be changed; let go with the object, or by the kernel when the process dies.
class Lock {
 public:
  explicit Lock(Fd file) : file_(std::move(file)) {}

 private:
  Fd file_;
};

/// Where everything is kept that must outlive a run. What lies in it is written by the classes beside this one.
class StateDirectory {
 public:
  /// Neither creates nor looks: reading from a directory that is not there finds nothing.
  explicit StateDirectory(std::filesystem::path root) : root_(std::move(root)) {}

  /// Creates what is missing (0700), waits up to `timeout` for the lock, then clears what a killed run left in tmp/.
  /// Throws Locked, or Error when the directory cannot be written.
  Lock lock(Clock& clock, std::chrono::milliseconds timeout) const;

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path accounts() const { return root_ / "accounts"; }
  std::filesystem::path certificates() const { return root_ / "certificates"; }
  std::filesystem::path names() const { return root_ / "names.json"; }
  std::filesystem::path issuances() const { return root_ / "issuances.json"; }
  std::filesystem::path live() const { return root_ / "live"; }
  std::filesystem::path orders() const { return root_ / "orders"; }
  /// On the same file system as everything else, so that files are completed here and then renamed.
  std::filesystem::path tmp() const { return root_ / "tmp"; }

 private:
  std::filesystem::path root_;
};

/// Whether `name` can be a folder or file of the state directory: a host name, and nothing that leads elsewhere.
bool is_safe_name(const std::string& name);
/// Throws Error when it cannot.
const std::string& require_safe_name(const std::string& name);

}  // namespace mxcert::store
