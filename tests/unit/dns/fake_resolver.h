#pragma once
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dns/resolver.h"

namespace mxcert::test {

/// The DNS as a table. A name in no column does not exist; one in some column, or above such a name, exists.
/// `servfail`, `bogus` and `secure` hold `example.com` (every type) or `MX example.com`.
struct FakeDns {
  std::map<std::string, std::vector<std::pair<std::uint16_t, std::string>>> mx = {};
  std::map<std::string, std::vector<dns::CaaRecord>> caa = {};
  std::map<std::string, std::vector<std::pair<std::uint16_t, std::string>>> srv = {};  // priority and target
  std::map<std::string, std::vector<std::string>> addresses = {};                      // of both families
  std::map<std::string, std::vector<dns::TlsaRecord>> tlsa = {};
  std::map<std::string, std::string> cname = {};
  std::set<std::string> exists = {};  // without any of the above
  std::set<std::string> servfail = {};
  std::set<std::string> bogus = {};
  std::set<std::string> secure = {};
};

class FakeResolver final : public dns::Resolver {
 public:
  explicit FakeResolver(FakeDns table) : table_(std::move(table)) {}

  std::vector<dns::Answer> resolve(std::span<const dns::Question> questions) override {
    ++batches_;
    std::vector<dns::Answer> answers;
    for (const dns::Question& question : questions) {
      asked_.push_back(std::string(to_string(question.type)) + " " + question.name.ascii());
      answers.push_back(answer(question));
    }
    return answers;
  }

  FakeDns& table() { return table_; }
  const std::vector<std::string>& asked() const { return asked_; }
  int batches() const { return batches_; }

 private:
  static bool has(const std::set<std::string>& names, const std::string& name, dns::RecordType type) {
    return names.contains(name) || names.contains(std::string(to_string(type)) + " " + name);
  }

  bool exists(const std::string& name) const {
    const auto is_at_or_below = [&](const std::string& other) { return other == name || other.ends_with("." + name); };
    const auto in = [&](const auto& column) {
      return std::ranges::any_of(column, [&](const auto& row) { return is_at_or_below(row.first); });
    };
    return in(table_.mx) || in(table_.addresses) || in(table_.caa) || in(table_.srv) || in(table_.tlsa) ||
           in(table_.cname) || std::ranges::any_of(table_.exists, is_at_or_below);
  }

  dns::Answer answer(const dns::Question& question) const {
    std::string name = question.name.ascii();
    dns::Answer out;
    bool secure = true;
    for (int links = 0; links < 9; ++links) {
      if (has(table_.bogus, name, question.type))
        return {.status = dns::AnswerStatus::bogus, .security = dns::Security::bogus, .reason = "signature expired"};
      if (has(table_.servfail, name, question.type)) return {.reason = "the DNS answers SERVFAIL"};
      secure = secure && has(table_.secure, name, question.type);
      const auto alias = table_.cname.find(name);
      if (alias == table_.cname.end()) {
        add_records(out, name, question.type);
        out.security = secure ? dns::Security::secure : dns::Security::insecure;
        return out;
      }
      name = alias->second;
      out.canonical = dns::DnsName::parse_host(name);
    }
    return {.reason = "the DNS answers SERVFAIL"};
  }

  void add_records(dns::Answer& out, const std::string& name, dns::RecordType type) const {
    if (const auto rows = table_.mx.find(name); type == dns::RecordType::mx && rows != table_.mx.end())
      for (const auto& [preference, host] : rows->second)
        out.mx.push_back({preference, *dns::DnsName::parse_host(host)});
    if (const auto rows = table_.caa.find(name); type == dns::RecordType::caa && rows != table_.caa.end())
      out.caa = rows->second;
    if (const auto rows = table_.srv.find(name); type == dns::RecordType::srv && rows != table_.srv.end())
      for (const auto& [priority, host] : rows->second)
        out.srv.push_back({.priority = priority, .port = 143, .target = *dns::DnsName::parse_host(host)});
    if (const auto rows = table_.tlsa.find(name); type == dns::RecordType::tlsa && rows != table_.tlsa.end())
      out.tlsa = rows->second;
    const bool wants_addresses = type == dns::RecordType::a || type == dns::RecordType::aaaa;
    if (const auto row = table_.addresses.find(name); wants_addresses && row != table_.addresses.end())
      for (const std::string& text : row->second)
        if (const auto address = dns::IpAddress::parse(text); address.is_v4() == (type == dns::RecordType::a))
          out.addresses.push_back(address);
    std::ranges::sort(out.mx);
    std::ranges::sort(out.srv);
    std::ranges::sort(out.addresses);
    std::ranges::sort(out.tlsa);
    const bool found =
        !out.mx.empty() || !out.addresses.empty() || !out.caa.empty() || !out.srv.empty() || !out.tlsa.empty();
    out.status = found ? dns::AnswerStatus::ok : exists(name) ? dns::AnswerStatus::nodata : dns::AnswerStatus::nxdomain;
    out.ttl = std::chrono::seconds{3600};
  }

  FakeDns table_;
  std::vector<std::string> asked_;
  int batches_ = 0;
};

}  // namespace mxcert::test
