#include "solve/challenge_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include "base/text.h"
#include "solve/dns01.h"
#include "solve/http01_listener.h"
#include "solve/tls_alpn_listener.h"
#include "solve/webroot.h"

namespace mxcert::solve {
namespace {

constexpr std::uint16_t first_unprivileged_port = 1024;
constexpr const char* webroot_trace = "webroot";

std::map<std::string, std::string> answers_by_token(Challenges challenges) {
  std::map<std::string, std::string> answers;
  for (const Challenge& challenge : challenges)
    answers[challenge.token] = challenge.key_authorization;
  return answers;
}

void warn_of_unprivileged_ports(const Surroundings& surroundings, const ChallengeMethod& method) {
  for (const ListenAddress& address : method.listen)
    if (address.port >= first_unprivileged_port)
      surroundings.warn(
          {.code = "unprivileged_port",
           .subject = to_string(address),
           .message = fmt::format("{}: while mxcert does not run, every user of this machine can listen there and get "
                                  "certificates for your names",
                                  to_string(address)),
           .hint = "listen on a port below 1024, or let the web server pass it on only while mxcert runs"});
}

ChallengePart make_http01_listener(const Surroundings& surroundings, const ChallengeMethod& method) {
  warn_of_unprivileged_ports(surroundings, method);
  const auto listener = std::make_shared<Http01Listener>(method.listen.empty() ? all_addresses() : method.listen);
  return {.present = [listener](Challenges challenges) { listener->set(answers_by_token(challenges)); },
          .wait_until_validated =
              [listener, &clock = surroundings.clock](std::chrono::milliseconds timeout) {
                return listener->wait_until_all_fetched(clock, timeout);
              },
          .stop_answering = [listener] { listener->set({}); }};
}

ChallengePart make_tls_alpn_listener(const Surroundings& surroundings, const ChallengeMethod& method) {
  warn_of_unprivileged_ports(surroundings, method);
  const auto listener =
      std::make_shared<TlsAlpnListener>(method.listen.empty() ? all_addresses(port_of(method.type)) : method.listen);
  return {.present =
              [listener](Challenges challenges) {
                std::map<std::string, std::string> answers;
                for (const Challenge& challenge : challenges)
                  answers[challenge.name] = challenge.key_authorization;
                listener->set(answers);
              },
          .wait_until_validated =
              [listener, &clock = surroundings.clock](std::chrono::milliseconds timeout) {
                return listener->wait_until_all_asked(clock, timeout);
              },
          .stop_answering = [listener] { listener->set({}); }};
}

ChallengePart make_webroot(const std::filesystem::path& directory) {
  const auto webroot = std::make_shared<Webroot>(directory);
  return {.traces =
              [webroot, directory](Challenges challenges) {
                std::vector<std::string> tokens;
                for (const Challenge& challenge : challenges)
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
  Webroot(trace.where).remove(std::vector{trace.value});
}

}  // namespace

ChallengePart make_challenge_part(const Surroundings& surroundings, const ChallengeMethod& method) {
  switch (method.type) {
    case ChallengeMethod::Type::http_01:
      return method.webroot ? make_webroot(*method.webroot) : make_http01_listener(surroundings, method);
    case ChallengeMethod::Type::tls_alpn_01:
      return make_tls_alpn_listener(surroundings, method);
    case ChallengeMethod::Type::dns_01:
      return make_dns01_part(surroundings, method);
    case ChallengeMethod::Type::dns_persist_01:
      return {.present = [](Challenges) {}};  // the record is there for good
  }
  return {};
}

LeftTrace left_trace(const store::ChallengeTrace& trace, const Error& why) {
  return {trace, why.message(), dynamic_cast<const ConfigError*>(&why) != nullptr};
}

std::vector<LeftTrace> remove_traces(Clock& clock, Traces traces,
                                     const std::function<ChallengeMethod(const std::string& name)>& method_for) {
  std::vector<LeftTrace> left;
  std::vector<std::pair<ChallengeMethod, std::vector<store::ChallengeTrace>>> records;
  // The last one first: folders come before what is in them.
  for (auto place = traces.rbegin(); place != traces.rend(); ++place) {
    const store::ChallengeTrace& trace = *place;
    if (trace.method == dns01_trace) {
      const ChallengeMethod method = method_for(trace.name);
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
    std::ranges::move(remove_dns01_traces(clock, method, of_method), std::back_inserter(left));
  return left;
}

}  // namespace mxcert::solve
