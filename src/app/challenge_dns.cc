#include "app/challenge_dns.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/context.h"
#include "app/resolver_options.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/process.h"
#include "base/stop.h"
#include "base/text.h"
#include "deploy/hook.h"
#include "dns/unbound_resolver.h"
#include "dns/update.h"
#include "pki/key.h"

namespace mxcert::app {
namespace {

using Records = std::vector<dns::TxtRecord>;

constexpr std::size_t max_key_bytes = 16 << 10;
constexpr std::chrono::seconds propagation_time{60};
constexpr std::chrono::milliseconds longest_look_pause{2'000};
constexpr std::size_t max_complaint_bytes = 600;

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
    return {*provider.server, provider.port, dns::parse_tsig_key(read_key_file(provider.key_file))};
  } catch (Error& e) {
    if (e.message().find(provider.key_file.string()) == std::string::npos) e.add_context(provider.key_file.string());
    throw;
  }
}

/// RFC 8555 §8.4, at the end of the CNAMEs that lead on from there.
Records find_records(Context& context, Challenges challenges) {
  std::vector<dns::Question> questions;
  for (const acme::ChallengeToSolve& challenge : challenges) {
    const auto name = dns::DnsName::parse_host("_acme-challenge." + challenge.name);
    if (!name)
      throw Error(fmt::format("{} is too long for _acme-challenge before it", challenge.name), "use http-01 for it");
    questions.push_back({*name, dns::RecordType::a});
  }
  ProgressLine progress(context.shows_progress());
  dns::UnboundResolver resolver(context.clock, resolver_options(context, progress));
  const std::vector<dns::Answer> answers = resolver.resolve(questions);
  progress.clear();
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

std::vector<dns::IpAddress> addresses_of(Context& context, const std::vector<dns::DnsName>& hosts) {
  std::vector<dns::Question> questions;
  for (const dns::DnsName& host : hosts) {
    questions.push_back({host, dns::RecordType::a});
    questions.push_back({host, dns::RecordType::aaaa});
  }
  ProgressLine progress(false);
  dns::UnboundResolver resolver(context.clock, resolver_options(context, progress));
  std::set<dns::IpAddress> addresses;
  for (const dns::Answer& answer : resolver.resolve(questions))
    addresses.insert(answer.addresses.begin(), answer.addresses.end());
  return {addresses.begin(), addresses.end()};
}

/// Until every server of the zone answers with every record. Advisory: a server that cannot be asked from here may be
/// fine for the CA.
void await_records(Context& context, const dns::UpdateServer& server, const dns::DnsName& zone,
                   const Records& records) {
  std::vector<dns::IpAddress> behind = addresses_of(context, dns::find_name_servers(server, zone));
  const Deadline deadline = Deadline::after(context.clock, propagation_time);
  const auto has_all = [&](const dns::IpAddress& address) {
    return std::ranges::all_of(records, [&](const dns::TxtRecord& record) {
      throw_if_stopped();
      return dns::has_record(address, record);
    });
  };
  for (std::chrono::milliseconds pause{100};; pause = std::min(pause * 2, longest_look_pause)) {
    std::erase_if(behind, has_all);
    if (behind.empty()) return;
    if (deadline.passed(context.clock)) break;
    context.clock.sleep_for(std::min(pause, deadline.left(context.clock)));
  }
  std::vector<std::string> texts;
  for (const dns::IpAddress& address : behind)
    texts.push_back(address.to_string());
  context.report.add_warning({.code = "dns_not_everywhere",
                              .subject = zone.ascii(),
                              .message = fmt::format("zone {}: {} did not show the challenge's records within {} s",
                                                     zone.ascii(), join(texts, ", "), propagation_time.count()),
                              .hint = "the CA may ask any of the zone's servers: check that they follow the primary"});
}

void present_by_update(Context& context, const dns::UpdateServer& server, const Records& records) {
  std::map<dns::DnsName, Records> by_zone;
  for (const dns::TxtRecord& record : records) {
    throw_if_stopped();
    by_zone[dns::find_zone(server, record.name)].push_back(record);
  }
  for (const auto& [zone, in_zone] : by_zone) {
    throw_if_stopped();
    dns::add_records(server, zone, in_zone);
  }
  for (const auto& [zone, in_zone] : by_zone)
    await_records(context, server, zone, in_zone);
}

/// As hooks/README.md promises.
void run_dns_hook(Context& context, const std::string& hook, const std::string& event, const std::string& name,
                  const dns::TxtRecord& record) {
  const std::filesystem::path program = deploy::find_hook(hook, deploy::shipped_hooks_directory() / "dns");
  const ProcessResult result = run_process(context.clock, {.arguments = {program.string(), event},
                                                           .environment = {{"PATH", system_path()},
                                                                           {"LC_ALL", "C"},
                                                                           {"MXCERT_EVENT", event},
                                                                           {"MXCERT_NAME", name},
                                                                           {"MXCERT_RECORD_NAME", record.name.ascii()},
                                                                           {"MXCERT_RECORD_VALUE", record.text}},
                                                           .timeout = std::chrono::minutes{3},
                                                           .despite_stop = event == "cleanup"});
  if (result.succeeded()) return;
  std::string said(trim(result.standard_error));
  if (said.size() > max_complaint_bytes) said.erase(0, said.size() - max_complaint_bytes);
  throw Error(fmt::format("hook {} {} for {} {}{}{}", program.filename().string(), event, record.name.ascii(),
                          result.describe(), said.empty() ? "" : ": ", printable(said)),
              fmt::format("run it by hand to see more: {} {}", program.string(), event), "hook_failed");
}

std::vector<store::ChallengeTrace> to_traces(Challenges challenges, const Records& records) {
  std::vector<store::ChallengeTrace> traces;
  for (std::size_t i = 0; i < records.size(); ++i)
    traces.push_back({.method = dns01_trace,
                      .name = ordered_name(challenges[i]),
                      .where = records[i].name.ascii(),
                      .value = records[i].text});
  return traces;
}

}  // namespace

ChallengePart make_dns01_part(Context& context, const ChallengeMethod& method) {
  const DnsProvider provider = method.dns.value();
  const auto records = std::make_shared<Records>();
  ChallengePart part{.traces = [&context, records](Challenges challenges) {
    *records = find_records(context, challenges);
    return to_traces(challenges, *records);
  }};
  if (provider.kind == DnsProvider::Kind::rfc2136) {
    part.present = [&context, records, server = update_server(provider)](Challenges) {
      present_by_update(context, server, *records);
    };
  } else {
    deploy::find_hook(provider.hook, deploy::shipped_hooks_directory() / "dns");
    part.present = [&context, records, provider](Challenges challenges) {
      for (std::size_t i = 0; i < records->size(); ++i)
        run_dns_hook(context, provider.hook, "present", ordered_name(challenges[i]), records->at(i));
    };
  }
  return part;
}

void remove_dns01_trace(Context& context, const ChallengeMethod& method, const store::ChallengeTrace& trace) {
  const auto name = dns::DnsName::parse_host(trace.where);
  if (!method.dns || !name || trace.value.size() > 255)
    throw ConfigError(fmt::format("no [challenge] dns is configured for {}", printable(trace.name, 300)));
  const Records records{{.name = *name, .text = trace.value}};
  if (method.dns->kind == DnsProvider::Kind::hook)
    return run_dns_hook(context, method.dns->hook, "cleanup", trace.name, records.front());
  const dns::UpdateServer server = update_server(*method.dns);
  dns::remove_records(server, dns::find_zone(server, *name), records);
}

}  // namespace mxcert::app
