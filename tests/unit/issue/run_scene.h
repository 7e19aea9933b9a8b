#pragma once
#include <filesystem>
#include <utility>

#include "fake_clock.h"
#include "issue/run.h"

namespace mxcert::test {

/// What one run works with, in a state directory of its own.
struct RunScene {
  RunScene(config::Config configuration, Clock& machine_clock)
      : config(std::move(configuration)), clock(machine_clock), store(config.state_dir) {}
  RunScene(const RunScene&) = delete;
  RunScene& operator=(const RunScene&) = delete;

  config::Config config;
  config::Policy policy;
  Clock& clock;
  store::Store store;
  store::Inventory inventory;
  report::Report report;
  issue::Run run{
      .config = config, .policy = policy, .clock = clock, .store = store, .inventory = inventory, .report = report};
};

}  // namespace mxcert::test
