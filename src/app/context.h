#pragma once
#include <utility>

#include "base/clock.h"
#include "config/config.h"
#include "config/invocation.h"
#include "config/policy.h"
#include "issue/run.h"
#include "report/report.h"
#include "report/terminal.h"
#include "store/store.h"

namespace mxcert::app {

/// What a command works with.
struct Context {
  Context(config::Config configuration, config::Invocation call, Clock& machine_clock, report::Terminal streams)
      : config(std::move(configuration)),
        invocation(std::move(call)),
        policy(policy_of(invocation, streams.stderr_is_terminal)),
        clock(machine_clock),
        terminal(streams),
        store(config.state_dir) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  config::Config config;
  config::Invocation invocation;
  config::Policy policy;
  Clock& clock;
  report::Terminal terminal;
  store::Store store;
  report::Report report;
  issue::Run run{.config = config, .policy = policy, .clock = clock, .store = store, .report = report};
};

}  // namespace mxcert::app
