#pragma once
#include <span>
#include <vector>

#include "dns/answer.h"

namespace mxcert::dns {

/// Seam: questions to the DNS, as a sender elsewhere would ask them.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Answers in the order of the questions, all together. Never throws for what the DNS says, a dead server or a
  /// deadline: those are Answers with status temporary. Throws Interrupted when a stop is asked for.
  virtual std::vector<Answer> resolve(std::span<const Question> questions) = 0;
};

}  // namespace mxcert::dns
