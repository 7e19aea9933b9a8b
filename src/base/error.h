#pragma once
#include <exception>
#include <string>
#include <string_view>

namespace mxcert {

/// What went wrong, told to a person: one line of cause, lower case, no full stop, and one line of what to do.
///
/// Context is added in front on the way up (`catch (Error& e) { e.add_context("order"); throw; }`), so that the
/// message reads from the outside in: `certificate mx.example.com: order: …`. The dynamic type is kept.
class Error : public std::exception {
 public:
  explicit Error(std::string message, std::string hint = {}, std::string code = "error");

  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const noexcept { return message_; }
  const std::string& hint() const noexcept { return hint_; }
  /// A stable identifier for machines, such as `port_in_use`; people do not see it.
  const std::string& code() const noexcept { return code_; }

  /// Puts `context` and ": " before the message.
  void add_context(std::string_view context);

 private:
  std::string message_;
  std::string hint_;
  std::string code_;
};

/// Something the administrator wrote cannot be used; the message begins with `file:line:column` where there is one.
/// Ends a run with exit status 2.
class ConfigError : public Error {
 public:
  explicit ConfigError(std::string message, std::string hint = {})
      : Error(std::move(message), std::move(hint), "config") {}
};

/// SIGINT or SIGTERM arrived while something waited (stop.h). No failure, and derived from nothing: no handler of
/// failures on the way up takes it for one.
struct Interrupted {};

/// For what was thrown and is no Error: memory is short, or the program is wrong. Code `unexpected`.
Error unexpected_failure(const std::exception& failure);

/// Throws an Error saying `what` and the text of `errno_value` (default: errno now).
[[noreturn]] void throw_system_error(std::string what, std::string hint = {});
[[noreturn]] void throw_system_error(int errno_value, std::string what, std::string hint = {});

}  // namespace mxcert
