#include "app/challenge_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include "app/challenge_dns.h"
#include "app/context.h"
#include "base/text.h"
#include "solve/http01_listener.h"
#include "solve/tls_alpn_listener.h"
#include "solve/webroot.h"

namespace mxcert::app {
namespace {

constexpr std::uint16_t first_unprivileged_port = 1024;
constexpr const char* webroot_trace = "webroot";

std::map<std::string, std::string> answers_by_token(Challenges challenges) {
  std::map<std::string, std::string> answers;
  for (const acme::ChallengeToSolve& challenge : challenges)
    answers[challenge.token] = challenge.key_authorization;
  return answers;
}

void warn_of_unprivileged_ports(Context& context, const config::ChallengeMethod& method) {
  for (const solve::ListenAddress& address : method.listen)
    if (address.port >= first_unprivileged_port)
      context.report.add_warning(
          {.code = "unprivileged_port",
           .subject = solve::to_string(address),
           .message = fmt::format("{}: while mxcert does not run, every user of this machine can listen there and get "
                                  "certificates for your names",
                                  solve::to_string(address)),
           .hint = "listen on a port below 1024, or let the web server pass it on only while mxcert runs"});
}

ChallengePart make_http01_listener(Context& context, const config::ChallengeMethod& method) {
  warn_of_unprivileged_ports(context, method);
  const auto listener =
      std::make_shared<solve::Http01Listener>(method.listen.empty() ? solve::all_addresses() : method.listen);
  return {.present = [listener](Challenges challenges) { listener->set(answers_by_token(challenges)); },
          .wait_until_validated =
              [listener](std::chrono::milliseconds timeout) { return listener->wait_until_all_fetched(timeout); },
          .stop_answering = [listener] { listener->set({}); }};
}

ChallengePart make_tls_alpn_listener(Context& context, const config::ChallengeMethod& method) {
  warn_of_unprivileged_ports(context, method);
  const auto listener = std::make_shared<solve::TlsAlpnListener>(
      method.listen.empty() ? solve::all_addresses(port_of(method.type)) : method.listen);
  return {.present =
              [listener](Challenges challenges) {
                std::map<std::string, std::string> answers;
                for (const acme::ChallengeToSolve& challenge : challenges)
                  answers[challenge.name] = challenge.key_authorization;
                listener->set(answers);
              },
          .wait_until_validated =
              [listener](std::chrono::milliseconds timeout) { return listener->wait_until_all_asked(timeout); },
          .stop_answering = [listener] { listener->set({}); }};
}

ChallengePart make_webroot(const std::filesystem::path& directory) {
  const auto webroot = std::make_shared<solve::Webroot>(directory);
  return {.traces =
              [webroot, directory](Challenges challenges) {
                std::vector<std::string> tokens;
                for (const acme::ChallengeToSolve& challenge : challenges)
                  tokens.push_back(challenge.token);
                std::vector<store::ChallengeTrace> traces;
                for (const std::string& path : webroot->traces(tokens))
                  traces.push_back({.method = webroot_trace, .where = directory.string(), .value = path});
                return traces;
              },
          .present = [webroot](Challenges challenges) { webroot->publish(answers_by_token(challenges)); }};
}

void remove_file(const store::ChallengeTrace& trace) {
  if (trace.method != webroot_trace)
    throw ConfigError(fmt::format("nothing knows how to take {} away", printable(trace.method, 100)));
  solve::Webroot(trace.where).remove(std::vector{trace.value});
}

}  // namespace

ChallengePart make_challenge_part(Context& context, const config::ChallengeMethod& method) {
  switch (method.type) {
    case config::ChallengeMethod::Type::http_01:
      return method.webroot ? make_webroot(*method.webroot) : make_http01_listener(context, method);
    case config::ChallengeMethod::Type::tls_alpn_01:
      return make_tls_alpn_listener(context, method);
    case config::ChallengeMethod::Type::dns_01:
      return make_dns01_part(context, method);
    case config::ChallengeMethod::Type::dns_persist_01:
      return {.present = [](Challenges) {}};  // the record is there for good
  }
  return {};
}

LeftTrace left_trace(const store::ChallengeTrace& trace, const Error& why) {
  return {trace, why.message(), dynamic_cast<const ConfigError*>(&why) != nullptr};
}

std::vector<LeftTrace> remove_traces(Context& context, Traces traces) {
  std::vector<LeftTrace> left;
  std::vector<std::pair<config::ChallengeMethod, std::vector<store::ChallengeTrace>>> records;
  // The last one first: folders come before what is in them.
  for (auto place = traces.rbegin(); place != traces.rend(); ++place) {
    const store::ChallengeTrace& trace = *place;
    if (trace.method == dns01_trace) {
      const config::ChallengeMethod& method = context.config.challenge.method_for(trace.name);
      auto same = std::ranges::find(
          records, method, [](const auto& entry) -> const auto& { return entry.first; });
      if (same == records.end()) same = records.insert(same, {method, {}});
      same->second.push_back(trace);
      continue;
    }
    try {
      remove_file(trace);
    } catch (const Error& error) {
      left.push_back(left_trace(trace, error));
    }
  }
  std::ranges::reverse(left);
  for (const auto& [method, of_method] : records)
    std::ranges::move(remove_dns01_traces(context, method, of_method), std::back_inserter(left));
  return left;
}

std::string ordered_name(const acme::ChallengeToSolve& challenge) {
  return challenge.wildcard ? "*." + challenge.name : challenge.name;
}

}  // namespace mxcert::app
