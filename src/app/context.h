#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "config/config.h"
#include "config/invocation.h"
#include "report/report.h"
#include "report/terminal.h"
#include "store/accounts.h"
#include "store/certificates.h"
#include "store/internal_authority.h"
#include "store/issuances.h"
#include "store/names.h"
#include "store/orders.h"
#include "store/state_directory.h"

namespace mxcert::app {

/// What every command works with.
struct Context {
  Context(config::Config configuration, config::Invocation call, Clock& machine_clock, report::Terminal streams)
      : config(std::move(configuration)),
        invocation(std::move(call)),
        clock(machine_clock),
        terminal(streams),
        state(config.state_dir),
        accounts(state),
        certificates(state),
        internal_authority(state),
        orders(state),
        names(state),
        issuances(state) {}

  /// Progress is for people who watch a terminal and did not ask for silence or JSON.
  bool shows_progress() const { return terminal.stderr_is_terminal && !invocation.quiet && !invocation.json; }
  /// Steps worth a line each: progress, and for who asks with -v.
  bool tells_steps() const { return shows_progress() || invocation.verbose; }

  config::Config config;
  config::Invocation invocation;
  Clock& clock;
  report::Terminal terminal;
  store::StateDirectory state;
  store::Accounts accounts;
  store::Certificates certificates;
  store::InternalAuthority internal_authority;
  store::Orders orders;
  store::Names names;
  store::Issuances issuances;
  report::Report report;
};

}  // namespace mxcert::app
