#include <sys/stat.h>

#include <cstdio>
#include <exception>

#include "app/run.h"

int main(int argc, char** argv) {
  ::umask(077);
  try {
    int exit_status = 0;
    const auto line = mxcert::config::parse_command_line(argc, argv, exit_status);
    if (!line) return exit_status;
    mxcert::RealClock clock;
    return mxcert::app::run(*line, clock);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "mxcert: error: %s\n", e.what());
    return 1;
  }
}
