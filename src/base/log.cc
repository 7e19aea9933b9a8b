#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/text.h"

namespace mxcert::log {
namespace {

bool with_color = false;

/// Messages quote what came from the network: it must not move the cursor or forge a second line.
void write(spdlog::level::level_enum level, std::string_view label, std::string_view label_color,
           std::string_view message) {
  if (with_color)
    spdlog::log(level, "mxcert: {}{}\x1b[0m: {}", label_color, label, printable(message));
  else
    spdlog::log(level, "mxcert: {}: {}", label, printable(message));
}

}  // namespace

void configure(Level threshold, bool color) {
  auto logger = spdlog::stderr_logger_mt("mxcert");
  logger->set_pattern("%v");
  with_color = color;
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
  spdlog::debug("{}", printable(message));
}
void info(std::string_view message) {
  spdlog::info("{}", printable(message));
}
void warning(std::string_view message) {
  write(spdlog::level::warn, "warning", "\x1b[33m", message);
}
void error(std::string_view message) {
  write(spdlog::level::err, "error", "\x1b[31m", message);
}

}  // namespace mxcert::log
