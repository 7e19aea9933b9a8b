#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/text.h"

namespace mxcert::log {
namespace {

/// Messages quote what came from the network: it must not move the cursor or forge a second line.
void write(spdlog::level::level_enum level, std::string_view message) {
  spdlog::log(level, "{}", printable(message));
}

}  // namespace

void configure(Level threshold, bool color) {
  auto logger = spdlog::stderr_color_mt("mxcert", color ? spdlog::color_mode::always : spdlog::color_mode::never);
  logger->set_pattern("mxcert: %^%l%$: %v");
  switch (threshold) {
    case Level::debug:
      logger->set_level(spdlog::level::debug);
      break;
    case Level::info:
      logger->set_level(spdlog::level::info);
      break;
    case Level::warning:
      logger->set_level(spdlog::level::warn);
      break;
    case Level::error:
      logger->set_level(spdlog::level::err);
      break;
  }
  spdlog::set_default_logger(std::move(logger));
}

void debug(std::string_view message) {
  write(spdlog::level::debug, message);
}
void info(std::string_view message) {
  write(spdlog::level::info, message);
}
void warning(std::string_view message) {
  write(spdlog::level::warn, message);
}
void error(std::string_view message) {
  write(spdlog::level::err, message);
}

}  // namespace mxcert::log
