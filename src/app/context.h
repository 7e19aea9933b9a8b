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

  /// Waits until no other run is at work, and reads what there is of certificates.
  store::Lock lock() {
    store::Lock lock = store.directory.lock(clock, invocation.lock_timeout);
    read_inventory();
    return lock;
  }

  /// The same for who changes nothing.
  void read_inventory() { inventory = store.certificates.load_all(); }

  /// Nothing follows from what the DNS does not answer where cron need not hear of it (law 1), nor with the internal
  /// CA, which is for where there is no DNS.
  bool tolerates_unknown_names() const { return policy.tolerates_unknown_names || is_internal(config.ca); }

  config::Config config;
  config::Invocation invocation;
  config::Policy policy;
  Clock& clock;
  report::Terminal terminal;
  store::Store store;
  store::Inventory inventory;
  report::Report report;
  issue::Run run{
      .config = config, .policy = policy, .clock = clock, .store = store, .inventory = inventory, .report = report};
};

}  // namespace mxcert::app
