#include "app/run.h"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <functional>

#include "app/commands.h"
#include "app/context.h"
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

log::Level threshold(const config::Invocation& invocation, const report::Terminal& terminal) {
  if (invocation.quiet) return log::Level::error;
  if (invocation.verbose) return log::Level::debug;
  return terminal.stderr_is_terminal && !invocation.json ? log::Level::info : log::Level::warning;
}

void run_command(Context& context) {
  switch (context.invocation.verb) {
    case config::Verb::plan:
      return run_plan(context);
    case config::Verb::issue:
    case config::Verb::renew:
      return run_issue(context);
    case config::Verb::deploy:
      return run_deploy(context);
    case config::Verb::rollback:
      return run_rollback(context);
    case config::Verb::revoke:
      return run_revoke(context);
    case config::Verb::status:
      return run_status(context);
    case config::Verb::tlsa:
      return run_tlsa(context);
    case config::Verb::account_show:
    case config::Verb::account_register:
    case config::Verb::account_update:
    case config::Verb::account_rollover:
    case config::Verb::account_deactivate:
      return run_account(context);
    case config::Verb::config_check:
      return run_config_check(context);
  }
}

void tell_hint(const std::string& hint) {
  const char* lead = "hint: ";
  for (const std::string_view line : split(hint, '\n')) {
    if (line.empty()) continue;
    std::fprintf(stderr, "%s%s\n", lead, printable(line).c_str());
    lead = "      ";
  }
}

/// One line, and what to do below it.
void tell(const Finding& finding, void (*say)(std::string_view)) {
  say(finding.message);
  tell_hint(finding.hint);
}

/// Cron hears warnings only when something went wrong as well, and who asked for silence none.
void tell_findings(const Context& context) {
  const bool quiet_cron = context.policy.speaks_only_of_changes && !context.report.failed();
  if (!context.invocation.quiet && (context.invocation.verbose || !quiet_cron))
    for (const Finding& warning : context.report.untold_warnings())
      tell(warning, log::warning);
  for (const Finding& error : context.report.errors())
    tell(error, log::error);
}

/// For what stopped the command before it could print a result.
int give_up(const Error& error, bool json, int status) {
  const Finding finding{.code = error.code(), .subject = "", .message = error.message(), .hint = error.hint()};
  if (json) {
    report::Report report;
    report.add_error(finding);
    report::write_result(to_json(report));
  }
  tell(finding, log::error);
  return status;
}

}  // namespace

int run(const config::CommandLine& line, Clock& clock) {
  const report::Terminal terminal = report::Terminal::detect(line.no_color);
  const bool color_on_stderr = terminal.stderr_is_terminal && !line.no_color && std::getenv("NO_COLOR") == nullptr;
  log::configure(threshold(line.invocation, terminal), color_on_stderr);
  const bool json = line.invocation.json;
  try {
    install_stop_handler();
    Context context(config::load_config(line.options), line.invocation, clock, terminal);
    run_command(context);
    tell_findings(context);
    return context.report.failed() ? failed : done;
  } catch (const ConfigError& e) {
    return give_up(e, json, unusable);
  } catch (const store::Locked& e) {
    return give_up(e, json, locked);
  } catch (const Error& e) {
    return give_up(e, json, failed);
  } catch (const Interrupted&) {
    return give_up(Error("interrupted by a signal", "run the same command again: it continues where this one stopped",
                         "interrupted"),
                   json, failed);
  } catch (const std::exception& e) {
    return give_up(unexpected_failure(e), json, failed);
  }
}

}  // namespace mxcert::app
