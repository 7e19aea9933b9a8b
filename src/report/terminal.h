#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace mxcert::report {

/// What the streams are: decides about colours, widths and progress, never about content.
struct Terminal {
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  bool color = false;  // on stdout
  std::size_t width = 100;

  /// Looks at the descriptors, COLUMNS, TERM and NO_COLOR.
  static Terminal detect(bool no_color);
};

/// Writes a result to stdout; throws Error when it cannot (a full disk behind a redirection).
void write_result(std::string_view text);

/// One line on stderr that is overwritten by the next, and wiped at the end; says nothing without a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(bool enabled) : enabled_(enabled) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const std::string& text);
  void clear();

 private:
  bool enabled_;
  bool shown_ = false;
};

}  // namespace mxcert::report
