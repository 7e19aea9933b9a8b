#include "acme/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/clock.h"

namespace mxcert::acme {
namespace {

struct Hint {
  std::string_view type;
  std::string_view text;
};

/// RFC 8555 §6.7 and RFC 9773 §7.4, as far as the administrator can do something.
constexpr std::array request_hints{
    Hint{"accountDoesNotExist", "the CA does not know this account (any more): register again"},
    Hint{"alreadyReplaced", "another order already replaced that certificate"},
    Hint{"badCSR", "the CA refuses the key or the names of the request: try another key type in [certificate] keys"},
    Hint{"badNonce", "the CA refuses the nonces that it gave out itself: try again later"},
    Hint{"badPublicKey", "the CA does not take this kind of account key: register with an ECDSA P-256 key"},
    Hint{"badSignatureAlgorithm", "the CA does not take this kind of account key: register with an ECDSA P-256 key"},
    Hint{"caa", "the name's CAA records forbid this CA: publish one that allows it, or choose another CA"},
    Hint{"externalAccountRequired", "this CA wants an account made on its site: set [ca] eab to the key it gives you"},
    Hint{"invalidContact", "check the mail addresses in contact"},
    Hint{"invalidProfile", "choose one of the profiles that the CA offers in [ca] profile, or leave it out"},
    Hint{"rateLimited", "too much was asked of the CA: try again later"},
    Hint{"rejectedIdentifier", "the CA will never issue for this name: exclude it in [hosts]"},
    Hint{"serverInternal", "the CA has a problem of its own: try again later"},
    Hint{"unauthorized", "the account may not do this: it may have been deactivated"},
    Hint{"unsupportedContact", "check the mail addresses in contact"},
    Hint{"unsupportedIdentifier", "the CA does not issue for this kind of name: exclude it in [hosts]"},
};

constexpr std::array validation_hints{
    Hint{"caa", "the name's CAA records forbid this CA: publish one that allows it, or choose another CA"},
    Hint{"connection",
         "the CA must reach this host on every address of the name, IPv6 too: check firewall, NAT and AAAA records"},
    Hint{"dns", "the CA cannot look the name up: check its zone and its DNSSEC from outside"},
    Hint{"incorrectResponse",
         "another server answered the CA: check that every address of the name, IPv6 too, leads to this host"},
    Hint{"rateLimited", "too much was asked of the CA: try again later"},
    Hint{"rejectedIdentifier", "the CA will never issue for this name: exclude it in [hosts]"},
    Hint{"serverInternal", "the CA has a problem of its own: try again later"},
    Hint{"tls", "the CA's TLS handshake with this host failed: check what answers on port 443"},
    Hint{"unauthorized",
         "another server answered the CA: check that every address of the name, IPv6 too, leads to this host"},
};

/// Where the CA leaves us without a reason, or with one of its own.
constexpr std::string_view without_known_type = "the CA has a problem of its own, or tells no more: try again later";

std::string find_hint(std::span<const Hint> hints, const ProblemDocument& problem) {
  for (const Hint& hint : hints)
    if (problem.is(hint.type)) return std::string(hint.text);
  return {};
}

std::string hint_with_time(const ProblemDocument& problem, std::optional<std::chrono::seconds> retry_after) {
  if (problem.is("rateLimited") && retry_after && retry_after->count() > 0)
    return fmt::format("too much was asked of the CA: try again in {}", format_duration(*retry_after));
  return hint_for_request(problem);
}

/// Stable for machines: only types that we know become part of it.
std::string code_of(const ProblemDocument& problem) {
  for (const Hint& hint : request_hints)
    if (problem.is(hint.type)) return fmt::format("acme_{}", hint.type);
  return "acme_problem";
}

}  // namespace

Problem::Problem(ProblemDocument document, std::optional<std::chrono::seconds> retry_after)
    : Error("rejected by the CA: " + describe(document), hint_with_time(document, retry_after), code_of(document)),
      document_(std::move(document)),
      retry_after_(retry_after) {
}

std::string describe(const ProblemDocument& problem) {
  constexpr std::size_t max_shown = 10;
  std::string text = problem.detail.empty() ? "no reason given" : problem.detail;
  if (!problem.type.empty()) text += fmt::format(" ({})", problem.type);
  for (std::size_t i = 0; i < std::min(problem.subproblems.size(), max_shown); ++i) {
    const auto& subproblem = problem.subproblems[i];
    text += fmt::format("; {}: {} ({})", subproblem.identifier ? subproblem.identifier->value : "no name",
                        subproblem.detail, subproblem.type);
  }
  if (problem.subproblems.size() > max_shown)
    text += fmt::format("; and {} more", problem.subproblems.size() - max_shown);
  return text;
}

std::string hint_for_request(const ProblemDocument& problem) {
  if (problem.is("userActionRequired"))
    return problem.instance.empty()
               ? "log in at the CA: it wants something of the account's owner"
               : fmt::format("open {}: the CA wants something of the account's owner", problem.instance);
  std::string hint = find_hint(request_hints, problem);
  if (!hint.empty()) return hint;
  if (problem.status >= 300 && problem.status < 400)
    return "requests are not sent on to where a CA redirects them: check that [ca] directory is the one it publishes";
  return std::string(without_known_type);
}

std::string hint_for_validation(const ProblemDocument& problem) {
  const std::string hint = find_hint(validation_hints, problem);
  return hint.empty() ? std::string(without_known_type) : hint;
}

}  // namespace mxcert::acme
