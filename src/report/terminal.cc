#include "report/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"

namespace mxcert::report {
namespace {

std::size_t width_of_stdout() {
  constexpr std::size_t narrowest = 40;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= narrowest) return size.ws_col;
  if (const char* columns = std::getenv("COLUMNS")) {
    const unsigned long value = std::strtoul(columns, nullptr, 10);
    if (value >= narrowest && value <= 1000) return value;
  }
  return 100;
}

}  // namespace

Terminal Terminal::detect(bool no_color) {
  Terminal terminal;
  terminal.stdout_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  terminal.stderr_is_terminal = ::isatty(STDERR_FILENO) == 1;
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  const char* refused = std::getenv("NO_COLOR");
  terminal.color = terminal.stdout_is_terminal && !no_color && !dumb && (refused == nullptr || *refused == '\0');
  terminal.width = width_of_stdout();
  return terminal;
}

void write_result(std::string_view text) {
  write_all(STDOUT_FILENO, text, "standard output");
}

void ProgressLine::show(const std::string& text) {
  if (!enabled_) return;
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void ProgressLine::clear() {
  if (!shown_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace mxcert::report
