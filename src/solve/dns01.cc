#include "solve/dns01.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/hook_program.h"
#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "dns/update.h"
#include "pki/key.h"

namespace mxcert::solve {
namespace {

using Records = std::vector<dns::TxtRecord>;

constexpr std::size_t max_key_bytes = 16 << 10;
constexpr std::chrono::milliseconds longest_look_pause{2'000};

/// A secret that everybody can read is none.
std::string read_key_file(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 0027) != 0)
    throw Error(fmt::format("{} can be read by everybody or written by others", path.string()),
                fmt::format("chmod 0600 {}", path.string()), "tsig_key");
  return read_file(path, max_key_bytes);
}

dns::UpdateServer update_server(const DnsProvider& provider) {
  try {
    return {{*provider.server, provider.port}, dns::parse_tsig_key(read_key_file(provider.key_file))};
  } catch (Error& e) {
    if (e.message().find(provider.key_file.string()) == std::string::npos) e.add_context(provider.key_file.string());
    throw;
  }
}

/// RFC 8555 §8.4, at the end of the CNAMEs that lead on from there.
Records find_records(const Surroundings& surroundings, Challenges challenges) {
  std::vector<dns::Question> questions;
  for (const Challenge& challenge : challenges) {
    const auto name = dns::DnsName::parse_host("_acme-challenge." + challenge.name);
    if (!name)
      throw Error(fmt::format("{} is too long for _acme-challenge before it", challenge.name), "use http-01 for it");
    questions.push_back({*name, dns::RecordType::a});
  }
  const std::vector<dns::Answer> answers = surroundings.make_resolver()->resolve(questions);
  Records records;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (answers[i].is_unknown())
      throw Error(fmt::format("{}: {}", questions[i].name.ascii(), answers[i].reason),
                  "its DNS has to answer before a record can be put there", "dns_temporary");
    records.push_back({.name = answers[i].canonical.value_or(questions[i].name),
                       .text = to_base64url(pki::sha256(challenges[i].key_authorization))});
  }
  return records;
}

/// Of each of several groups of hosts.
std::vector<std::set<dns::IpAddress>> addresses_of(const Surroundings& surroundings,
                                                   const std::vector<std::vector<dns::DnsName>>& groups) {
  std::vector<dns::Question> questions;
  for (const std::vector<dns::DnsName>& hosts : groups)
    for (const dns::DnsName& host : hosts)
      for (const auto type : {dns::RecordType::a, dns::RecordType::aaaa})
        questions.push_back({host, type});
  std::map<dns::DnsName, std::set<dns::IpAddress>> by_host;
  const std::vector<dns::Answer> answers = surroundings.make_resolver()->resolve(questions);
  for (std::size_t i = 0; i < questions.size(); ++i)
    by_host[questions[i].name].insert(answers[i].addresses.begin(), answers[i].addresses.end());
  std::vector<std::set<dns::IpAddress>> addresses(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i)
    for (const dns::DnsName& host : groups[i])
      addresses[i].insert(by_host[host].begin(), by_host[host].end());
  return addresses;
}

using Zones = std::vector<dns::ZoneRecords>;

/// A record, and a server of its zone that is to show it.
struct AwaitedRecord {
  dns::DnsName zone;
  dns::ExpectedRecord expected;
};

std::vector<AwaitedRecord> find_awaited_records(const Surroundings& surroundings, const dns::UpdateServer& server,
                                                const Zones& zones) {
  std::vector<dns::DnsName> names;
  std::ranges::transform(zones, std::back_inserter(names), &dns::ZoneRecords::zone);
  const std::vector<std::vector<dns::DnsName>> servers = dns::find_name_servers(surroundings.clock, server, names);
  const auto addresses = addresses_of(surroundings, servers);
  std::vector<AwaitedRecord> awaited;
  for (std::size_t i = 0; i < zones.size(); ++i)
    for (const dns::IpAddress& address : addresses[i])
      for (const dns::TxtRecord& record : zones[i].records)
        awaited.push_back({zones[i].zone, {{address}, record}});
  return awaited;
}

void erase_shown(Clock& clock, std::vector<AwaitedRecord>& awaited) {
  std::vector<dns::ExpectedRecord> expected;
  std::ranges::transform(awaited, std::back_inserter(expected), &AwaitedRecord::expected);
  const std::vector<bool> shown = dns::are_shown(clock, expected);
  std::erase_if(awaited, [place = shown.begin()](const AwaitedRecord&) mutable { return *place++; });
}

void warn_of_missing(const Surroundings& surroundings, const std::vector<AwaitedRecord>& missing,
                     std::chrono::seconds waited) {
  std::map<dns::DnsName, std::set<dns::IpAddress>> servers_by_zone;
  for (const AwaitedRecord& awaited : missing)
    servers_by_zone[awaited.zone].insert(awaited.expected.server.address);
  for (const auto& [zone, servers] : servers_by_zone) {
    std::vector<std::string> texts;
    std::ranges::transform(servers, std::back_inserter(texts), &dns::IpAddress::to_string);
    surroundings.warn(
        {.code = "dns_not_everywhere",
         .subject = zone.ascii(),
         .message = fmt::format("zone {}: {} did not show the challenge's records within {} s", zone.ascii(),
                                join(texts, ", "), waited.count()),
         .hint =
             "the CA may ask any of the zone's servers: check that they follow the primary, or let `wait` be longer"});
  }
}

/// Until every server of each zone answers with every record. Advisory: a server that cannot be asked from here may be
/// fine for the CA.
void await_records(const Surroundings& surroundings, const dns::UpdateServer& server, const Zones& zones,
                   std::chrono::seconds wait) {
  std::vector<AwaitedRecord> missing = find_awaited_records(surroundings, server, zones);
  const Deadline deadline = Deadline::after(surroundings.clock, wait);
  for (std::chrono::milliseconds pause{100};; pause = std::min(pause * 2, longest_look_pause)) {
    erase_shown(surroundings.clock, missing);
    if (missing.empty()) return;
    if (deadline.passed(surroundings.clock)) return warn_of_missing(surroundings, missing, wait);
    surroundings.clock.sleep_for(std::min(pause, deadline.left(surroundings.clock)));
  }
}

void throw_if_any(const dns::Faults& faults) {
  for (const std::optional<Error>& fault : faults)
    if (fault) throw *fault;
}

void present_by_update(const Surroundings& surroundings, const DnsProvider& provider, const dns::UpdateServer& server,
                       const Records& records) {
  std::vector<dns::DnsName> names;
  std::ranges::transform(records, std::back_inserter(names), &dns::TxtRecord::name);
  const auto found = dns::find_zones(surroundings.clock, server, names);
  std::map<dns::DnsName, Records> by_zone;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (const auto* fault = std::get_if<Error>(&found[i])) throw *fault;
    by_zone[std::get<dns::DnsName>(found[i])].push_back(records[i]);
  }
  Zones zones;
  for (auto& [zone, in_zone] : by_zone)
    zones.push_back({zone, std::move(in_zone)});
  throw_if_any(dns::add_records(surroundings.clock, server, zones));
  await_records(surroundings, server, zones, provider.wait);
}

/// As hooks/README.md promises.
void run_dns_hook(Clock& clock, const std::string& hook, const std::string& event, const std::string& name,
                  const dns::TxtRecord& record) {
  const std::filesystem::path program = find_hook(hook, shipped_hooks_directory() / "dns");
  const Command command{.arguments = {program.string(), event},
                        .environment = hook_environment({{"MXCERT_EVENT", event},
                                                         {"MXCERT_NAME", name},
                                                         {"MXCERT_RECORD_NAME", record.name.ascii()},
                                                         {"MXCERT_RECORD_VALUE", record.text}}),
                        .timeout = std::chrono::minutes{3},
                        .despite_stop = event == "cleanup"};
  const ProcessResult result = run_process(clock, command);
  if (!result.succeeded())
    throw hook_failure(fmt::format("hook {} {} for {}", program.filename().string(), event, record.name.ascii()),
                       command, result);
}

std::vector<store::ChallengeTrace> to_traces(Challenges challenges, const Records& records) {
  std::vector<store::ChallengeTrace> traces;
  for (std::size_t i = 0; i < records.size(); ++i)
    traces.push_back({.method = dns01_trace,
                      .name = challenges[i].ordered_name(),
                      .where = records[i].name.ascii(),
                      .value = records[i].text});
  return traces;
}

dns::TxtRecord to_record(const store::ChallengeTrace& trace) {
  auto name = dns::DnsName::parse_host(trace.where);
  if (!name || trace.value.size() > 255) throw ConfigError("it is no record that can be in the DNS");
  return {.name = *std::move(name), .text = trace.value};
}

void add_all(std::vector<LeftTrace>& left, Traces traces, const Error& why) {
  for (const store::ChallengeTrace& trace : traces)
    left.push_back(left_trace(trace, why));
}

std::vector<LeftTrace> remove_by_hook(Clock& clock, const std::string& hook, Traces traces) {
  std::vector<LeftTrace> left;
  for (const store::ChallengeTrace& trace : traces) {
    try {
      run_dns_hook(clock, hook, "cleanup", trace.name, to_record(trace));
    } catch (const Error& error) {
      left.push_back(left_trace(trace, error));
    }
  }
  return left;
}

std::vector<LeftTrace> remove_by_update(Clock& clock, const dns::UpdateServer& server, Traces traces) {
  std::vector<dns::DnsName> names;
  for (const store::ChallengeTrace& trace : traces)
    names.push_back(to_record(trace).name);
  const auto found = dns::find_zones(clock, server, names, AtStop::hurry);
  std::vector<LeftTrace> left;
  std::map<dns::DnsName, std::vector<store::ChallengeTrace>> by_zone;
  for (std::size_t i = 0; i < traces.size(); ++i) {
    if (const auto* fault = std::get_if<Error>(&found[i]))
      left.push_back(left_trace(traces[i], *fault));
    else
      by_zone[std::get<dns::DnsName>(found[i])].push_back(traces[i]);
  }
  Zones zones;
  for (const auto& [zone, in_zone] : by_zone) {
    zones.push_back({zone, {}});
    std::ranges::transform(in_zone, std::back_inserter(zones.back().records), to_record);
  }
  const dns::Faults faults = dns::remove_records(clock, server, zones);
  for (std::size_t i = 0; i < zones.size(); ++i)
    if (faults[i]) add_all(left, by_zone.at(zones[i].zone), *faults[i]);
  return left;
}

}  // namespace

ChallengePart make_dns01_part(const Surroundings& surroundings, const ChallengeMethod& method) {
  const DnsProvider provider = method.dns.value();
  const auto records = std::make_shared<Records>();
  ChallengePart part{.traces = [surroundings, records](Challenges challenges) {
    *records = find_records(surroundings, challenges);
    return to_traces(challenges, *records);
  }};
  if (provider.kind == DnsProvider::Kind::rfc2136) {
    part.present = [surroundings, records, provider, server = update_server(provider)](Challenges) {
      present_by_update(surroundings, provider, server, *records);
    };
  } else {
    find_hook(provider.hook, shipped_hooks_directory() / "dns");
    part.present = [surroundings, records, provider](Challenges challenges) {
      for (std::size_t i = 0; i < records->size(); ++i)
        run_dns_hook(surroundings.clock, provider.hook, "present", challenges[i].ordered_name(), records->at(i));
    };
  }
  return part;
}

std::vector<LeftTrace> remove_dns01_traces(Clock& clock, const ChallengeMethod& method, Traces traces) {
  try {
    if (!method.dns) throw ConfigError("no [challenge] dns is configured for it");
    if (method.dns->kind == DnsProvider::Kind::hook) return remove_by_hook(clock, method.dns->hook, traces);
    return remove_by_update(clock, update_server(*method.dns), traces);
  } catch (const Error& error) {
    std::vector<LeftTrace> left;
    add_all(left, traces, error);
    return left;
  }
}

}  // namespace mxcert::solve
