#pragma once
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dns/resolver.h"

namespace mxcert::dns {

struct UnboundOptions {
  /// `ADDRESS` or `ADDRESS@PORT`; empty: those of /etc/resolv.conf, read once.
  std::vector<std::string> servers = {};
  /// File of DS or DNSKEY records; default: Debian's root.key if it is there, else nothing is validated.
  std::optional<std::filesystem::path> trust_anchor = std::nullopt;
  /// False: never validate, every answer is insecure. For networks whose resolver takes signatures away.
  bool validate = true;
  /// Asked in random order. With 200 a zone whose servers are silent took up to half of the answers for other zones
  /// with it, with 50 none.
  std::size_t max_in_flight = 50;
  std::chrono::milliseconds query_timeout{10'000};  // for one question, retries of the library included
  std::chrono::milliseconds batch_timeout{60'000};  // for one call of resolve, and so much more for each question:
  std::chrono::milliseconds batch_timeout_per_question{10};
  /// Called with (answered, asked) as answers come in, on the calling thread.
  std::function<void(std::size_t, std::size_t)> progress = {};
};

/// Whether answers are checked by DNSSEC, and why not.
enum class Validation {
  on,
  off,              // not asked for
  no_trust_anchor,  // there is none on this host
  stripped,         // the servers in use pass no signatures on
};

/// Validating resolution by libunbound; /etc/hosts is not consulted, since senders do not see it. Within one call
/// each question is asked once; servers that gave no answer at all in one call are not asked again by the next.
class UnboundResolver final : public Resolver {
 public:
  /// Throws ConfigError for a server or trust anchor that cannot be used. Asks nothing yet.
  UnboundResolver(Clock& clock, UnboundOptions options);
  ~UnboundResolver() override;

  /// Where the servers in use take the signatures away, all answers are insecure from then on: that is the servers'
  /// doing, not the domains', and none of them is taken for bogus. When a chain of trust breaks at its very beginning
  /// the root's keys are asked for once: without signature it is this; with one that does not fit nothing is known,
  /// since that may be forgery.
  std::vector<Answer> resolve(std::span<const Question> questions) override;
  Validation validation() const noexcept { return validation_; }

 private:
  class Batch;
  struct Context;

  void answer(std::span<const Question* const> questions, std::span<Answer> answers);
  bool servers_strip_signatures();

  Clock& clock_;
  UnboundOptions options_;
  std::unique_ptr<Context> context_;
  Validation validation_ = Validation::on;
  std::string dead_;  // why nothing is asked any more
};

}  // namespace mxcert::dns
