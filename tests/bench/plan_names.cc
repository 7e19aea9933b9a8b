// How much processor time mx::plan_certificates takes for so many mail domains with an MX host each that is this one:
// `ninja plan_names && ./plan_names 10000 20000 40000`. Twice the names should take about twice the time.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mx/plan.h"

using namespace mxcert;
using namespace mxcert::mx;

namespace {

constexpr SystemTime now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 23};
const dns::IpAddress ours = dns::IpAddress::parse("192.0.2.1");

std::string host(int number) {
  return fmt::format("mx.d{}.example", number);
}

MxLookup look_up(int number) {
  MxLookup lookup{.domain = {dns::DnsName::parse(fmt::format("d{}.example", number)), "config"},
                  .status = MxStatus::ok};
  lookup.targets.push_back({.host = dns::DnsName::parse(host(number)), .preference = 10});
  lookup.targets.back().lookup.status = dns::AnswerStatus::ok;
  lookup.targets.back().lookup.addresses = {ours};
  return lookup;
}

PlanInput nothing_yet(int names, Pack pack) {
  PlanInput input{.rules = {.local_addresses = {ours}}, .pack = pack, .now = now};
  for (int number = 0; number < names; ++number)
    input.lookups.push_back(look_up(number));
  return input;
}

/// What is planned for `input` is there, and remembered as the last run's plan.
PlanInput all_live(PlanInput input) {
  for (const PlannedCertificate& planned : plan_certificates(input).certificates)
    input.current.push_back({.name = planned.name,
                             .parts = {{.family = pki::KeyFamily::ecdsa,
                                        .names = planned.ascii_names(),
                                        .not_after = now + std::chrono::days{60},
                                        .renew_at = now + std::chrono::days{30}}},
                             .desired = planned.wanted_names(),
                             .is_default = planned.is_default});
  return input;
}

/// But one.
PlanInput all_gone(PlanInput input) {
  input.lookups.erase(input.lookups.begin() + 1, input.lookups.end());
  return input;
}

/// One domain has a certificate, the others are new and have to be seen again.
PlanInput all_new(int names, Pack pack) {
  PlanInput input = all_live(nothing_yet(1, pack));
  input.lookups = nothing_yet(names, pack).lookups;
  input.wait_for_second_sight = true;
  return input;
}

/// As many names were seen once, of which nobody knows now whether they are wanted.
PlanInput all_remembered(int names, Pack pack) {
  PlanInput input = all_live(nothing_yet(names, pack));
  for (int number = 0; number < names; ++number)
    input.history[dns::DnsName::parse(fmt::format("mx.once{}.example", number))] = {.seen_since = now};
  return input;
}

struct Case {
  std::string_view title;
  std::function<PlanInput(int names, Pack pack)> make;
};

const std::array cases{
    Case{"nothing yet", nothing_yet},
    Case{"all live", [](int names, Pack pack) { return all_live(nothing_yet(names, pack)); }},
    Case{"all gone", [](int names, Pack pack) { return all_gone(all_live(nothing_yet(names, pack))); }},
    Case{"all new", all_new}, Case{"remembered", all_remembered}};

double cpu_seconds(const PlanInput& input) {
  const std::clock_t begin = std::clock();
  plan_certificates(input);
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

}  // namespace

int main(int argc, char** argv) {
  for (const Pack pack : {Pack::shared, Pack::per_host})
    for (const Case& one : cases) {
      fmt::print("{:8} {:12}", pack == Pack::shared ? "shared" : "per-host", one.title);
      for (int argument = 1; argument < argc; ++argument)
        fmt::print(" {:>8.3f} s", cpu_seconds(one.make(std::atoi(argv[argument]), pack)));
      fmt::print("\n");
    }
}
