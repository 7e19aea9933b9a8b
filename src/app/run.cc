#include "app/run.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <functional>

#include "app/commands.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/text.h"

namespace mxcert::app {
namespace {

constexpr int done = 0;
constexpr int failed = 1;
constexpr int unusable = 2;
constexpr int locked = 75;  // EX_TEMPFAIL

log::Level threshold(const Invocation& invocation, const Terminal& terminal) {
  if (invocation.quiet) return log::Level::error;
  if (invocation.verbose) return log::Level::debug;
  return terminal.stderr_is_terminal && !invocation.json ? log::Level::info : log::Level::warning;
}

void run_command(Context& context) {
  switch (context.invocation.verb) {
    case Verb::plan:
      return run_plan(context);
    case Verb::issue:
    case Verb::renew:
      return run_issue(context);
    case Verb::deploy:
      return run_deploy(context);
    case Verb::rollback:
      return run_rollback(context);
    case Verb::status:
      return run_status(context);
    case Verb::config_check:
      return run_config_check(context);
  }
}

/// One line of cause, and what to do below it.
void tell(const Finding& error) {
  log::error(error.message);
  for (const std::string_view line : split(error.hint, '\n'))
    if (!line.empty())
      std::fprintf(stderr, "%s%s\n", &line.front() == error.hint.data() ? "hint: " : "      ", printable(line).c_str());
}

/// Warnings of a plan are part of its text; cron hears them only when something went wrong as well.
bool tells_warnings(const Context& context) {
  if (context.invocation.verb == Verb::renew) return context.report.failed();
  return context.invocation.verb == Verb::deploy || context.invocation.verb == Verb::rollback;
}

void tell_findings(const Context& context) {
  if (tells_warnings(context) || context.invocation.verbose)
    for (const Finding& warning : context.report.warnings())
      log::warning(warning.message);
  for (const Finding& error : context.report.errors())
    tell(error);
}

/// For what stopped the command before it could print a result.
int give_up(const Error& error, bool json, int status) {
  const Finding finding{.code = error.code(), .subject = "", .message = error.message(), .hint = error.hint()};
  if (json) {
    Report report;
    report.add_error(finding);
    write_result(to_json(report));
  }
  tell(finding);
  return status;
}

}  // namespace

int run(const CommandLine& line, Clock& clock) {
  const Terminal terminal = Terminal::detect(line.no_color);
  const bool color_on_stderr = terminal.stderr_is_terminal && !line.no_color && std::getenv("NO_COLOR") == nullptr;
  log::configure(threshold(line.invocation, terminal), color_on_stderr);
  const bool json = line.invocation.json;
  try {
    install_stop_handler();
    Context context(load_config(line.options), line.invocation, clock, terminal);
    run_command(context);
    tell_findings(context);
    return context.report.failed() ? failed : done;
  } catch (const ConfigError& e) {
    return give_up(e, json, unusable);
  } catch (const store::Locked& e) {
    return give_up(e, json, locked);
  } catch (const Error& e) {
    return give_up(e, json, failed);
  }
}

}  // namespace mxcert::app
