#include "base/error.h"

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

namespace mxcert {

Error::Error(std::string message, std::string hint, std::string code)
    : message_(std::move(message)), hint_(std::move(hint)), code_(std::move(code)) {
}

void Error::add_context(std::string_view context) {
  message_.insert(0, std::string(context) + ": ");
}

Error unexpected_failure(const std::exception& failure) {
  const bool is_short = dynamic_cast<const std::bad_alloc*>(&failure) != nullptr;
  return is_short
             ? Error("there is not enough memory", "run the same command again when there is more of it", "unexpected")
             : Error(std::string("something that must not happen: ") + failure.what(),
                     "please report this as a bug, with the command and its output", "unexpected");
}

void throw_system_error(std::string what, std::string hint) {
  throw_system_error(errno, std::move(what), std::move(hint));
}

void throw_system_error(int errno_value, std::string what, std::string hint) {
  throw Error(std::move(what) + ": " + std::generic_category().message(errno_value), std::move(hint), "system");
}

}  // namespace mxcert
