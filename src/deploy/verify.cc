#include "deploy/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "dns/wildcard.h"

namespace mxcert::deploy {
namespace {

constexpr std::size_t max_names_of_a_port = 5;
// Mail servers limit connections per client: Exim takes 20 at once in all, by default.
constexpr std::size_t max_concurrent_probes = 8;
constexpr std::chrono::milliseconds shortest_pause{100};
constexpr std::chrono::milliseconds longest_pause{1000};

/// The first, the last, and what lies evenly between.
std::vector<std::string> sample(std::span<const std::string> names) {
  const std::size_t count = std::min(names.size(), max_names_of_a_port);
  std::vector<std::string> picked;
  for (std::size_t i = 0; i < count; ++i)
    picked.push_back(names[count == 1 ? 0 : i * (names.size() - 1) / (count - 1)]);
  return picked;
}

/// What a client can ask for: nobody sends a wildcard as SNI.
std::vector<std::string> without_wildcards(std::span<const std::string> names) {
  std::vector<std::string> plain;
  std::ranges::copy_if(names, std::back_inserter(plain), [](const auto& name) { return !dns::is_wildcard(name); });
  return plain;
}

/// Whether one of the files is for the key: the first one, or another by its type.
bool uses_key(std::span<const DaemonFile> files, bool first, pki::KeyFamily family) {
  return std::ranges::any_of(files, [&](const DaemonFile& file) {
    if (file.content == Content::names) return false;
    return file.content == Content::bundles || (file.key_type ? *file.key_type == family : first);
  });
}

ProbeResult make(Clock& clock, const Check& check, std::chrono::milliseconds timeout) {
  return probe(clock, check.endpoint,
               {.server_name = check.server_name, .key_type = check.key_type, .timeout = timeout});
}

bool is_first_of_its_port(std::span<const Endpoint> endpoints, std::size_t index) {
  return std::ranges::none_of(endpoints.first(index),
                              [&](const Endpoint& earlier) { return earlier.port == endpoints[index].port; });
}

}  // namespace

std::string to_string(const Check& check) {
  return fmt::format("{} {}{}", to_string(check.endpoint),
                     check.server_name.empty() ? "without SNI" : "with SNI " + check.server_name,
                     check.key_type ? fmt::format(", only {}", pki::to_string(*check.key_type)) : "");
}

std::string describe_result(const ProbeResult& result) {
  if (!result.shown()) return result.reason;
  const pki::Certificate& leaf = result.chain.front();
  const std::string name = leaf.names.empty() ? leaf.subject : printable(leaf.names.front(), 260);
  return fmt::format("shows {}{}, valid until {}, sha256 {}…", name.empty() ? "a certificate without name" : name,
                     leaf.names.size() > 1 ? fmt::format(" and {} more", count_of(leaf.names.size() - 1, "name")) : "",
                     format_time(leaf.not_after), leaf.sha256_fingerprint.substr(0, 16));
}

Expectation expect_chains(const Delivery& delivery, std::span<const DaemonFile> files) {
  Expectation expectation{.names = delivery.names, .role = delivery.role, .chains = {}};
  const auto families = delivery.key_families();
  const auto bundles = delivery.bundles();
  for (std::size_t i = 0; i < bundles.size(); ++i)
    if (uses_key(files, i == 0, families.at(i)))
      expectation.chains.push_back({families[i], pki::parse_certificates(bundles[i]->full_chain())});
  if (expectation.chains.empty())
    expectation.chains.push_back({families.at(0), pki::parse_certificates(delivery.bundle.full_chain())});
  if (expectation.chains.size() == 1 && expectation.chains.front().key_type == families.at(0))
    expectation.chains.front().key_type.reset();
  return expectation;
}

std::vector<Check> plan_checks(std::span<const Endpoint> endpoints, const Expectation& expectation) {
  const std::vector<std::string> askable = without_wildcards(expectation.names);
  const std::vector<std::string> sampled = sample(askable);
  std::vector<Check> checks;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const std::size_t count =
        is_first_of_its_port(endpoints, i) ? sampled.size() : std::min<std::size_t>(1, sampled.size());
    for (const ExpectedChain& expected : expectation.chains) {
      checks.push_back({.endpoint = endpoints[i], .key_type = expected.key_type});
      for (std::size_t j = 0; j < count; ++j)
        checks.push_back({endpoints[i], sampled[j], expected.key_type});
    }
  }
  return checks;
}

std::vector<Observation> observe(Clock& clock, std::span<const Check> checks, std::chrono::milliseconds timeout) {
  std::vector<Observation> observations(checks.size());
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failure_mutex;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < checks.size(); i = next++)
        observations[i] = {checks[i], make(clock, checks[i], timeout)};
    } catch (...) {
      const std::scoped_lock lock(failure_mutex);
      failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min(checks.size(), max_concurrent_probes); ++i)
      workers.emplace_back(work);
  }
  if (failure) std::rethrow_exception(failure);
  return observations;
}

std::vector<Observation> observe_until(Clock& clock, std::span<const Check> checks, std::chrono::milliseconds timeout,
                                       std::chrono::milliseconds patience,
                                       const std::function<bool(const Observation&)>& good,
                                       const std::function<bool(std::span<const Observation>)>& done) {
  const Deadline deadline = Deadline::after(clock, patience);
  std::vector<Observation> observations = observe(clock, checks, timeout);
  std::chrono::milliseconds pause = shortest_pause;
  bool is_one_round = true;
  for (;;) {
    const bool is_done = done(observations);
    if (is_done ? is_one_round : deadline.passed(clock)) break;
    if (!is_done) {
      clock.sleep_for(std::min(pause, deadline.left(clock)));
      pause = std::min(pause * 2, longest_pause);
    }
    std::vector<Check> pending;
    for (const Observation& observation : observations)
      if (is_done || !good(observation)) pending.push_back(observation.check);
    is_one_round = pending.size() == observations.size();
    std::vector<Observation> news = observe(clock, pending, timeout);
    auto next = news.begin();
    for (Observation& observation : observations)
      if (is_done || !good(observation)) observation = std::move(*next++);
  }
  return observations;
}

std::string find_fault(const Observation& observation, const Expectation& expectation) {
  const ProbeResult& result = observation.result;
  const auto expected = std::ranges::find(expectation.chains, observation.check.key_type, &ExpectedChain::key_type);
  const std::span<const pki::Certificate> chain =
      expected == expectation.chains.end() ? std::span<const pki::Certificate>() : expected->chain;
  if (!result.shown()) return result.reason;
  if (chain.empty() || result.chain.front().sha256_fingerprint != chain.front().sha256_fingerprint)
    return describe_result(result);
  const auto same = [](const pki::Certificate& a, const pki::Certificate& b) {
    return a.sha256_fingerprint == b.sha256_fingerprint;
  };
  if (result.chain.size() < chain.size() || !std::equal(chain.begin(), chain.end(), result.chain.begin(), same))
    return fmt::format("shows the new certificate, but with {} of the {} that its chain has",
                       count_of(result.chain.size(), "certificate"), chain.size());
  if (!observation.check.server_name.empty() && !pki::covers(chain.front(), observation.check.server_name))
    return fmt::format("shows the new certificate, which does not hold {}", observation.check.server_name);
  return {};
}

}  // namespace mxcert::deploy
