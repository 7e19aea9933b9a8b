#pragma once
#include "base/clock.h"
#include "config/config.h"
#include "config/policy.h"
#include "report/report.h"
#include "store/store.h"

namespace mxcert::issue {

/// What everything from the plan to the stored version works with, for the time of one run. Only what joins several of
/// these takes it; whoever needs one or two takes these.
struct Run {
  const config::Config& config;
  const config::Policy& policy;
  Clock& clock;
  store::Store& store;
  store::Inventory& inventory;  // what the store has of certificates, as read once
  report::Report& report;
};

}  // namespace mxcert::issue
