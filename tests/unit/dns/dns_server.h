#pragma once
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/handle.h"

namespace mxcert::test {

/// A DNS server on a port of the loopback interface, which answers by the first label of the name asked for:
/// `mx`, `many` (records of the type), `null` (null MX), `alias` (CNAME and MX), `empty` (no data), `gone` (NXDOMAIN),
/// `fail` (SERVFAIL), `refuse` (REFUSED), `plain` (as `mx`, but FORMERR to EDNS), `torn` (an MX record that cannot be
/// read); with authority `own` (as `mx`), `ownempty` (NXDOMAIN) and `ownrefuse` (REFUSED); anything else: no answer.
/// The root is without data, and so without keys, unless it is `signed`.
class DnsServer {
 public:
  /// One that is `dead` takes questions and never answers.
  explicit DnsServer(bool dead = false, bool signed_root = false);
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;
  ~DnsServer();

  /// `127.0.0.1@PORT`.
  const std::string& address() const { return address_; }
  /// How often a name was asked for, in lower case without trailing dot.
  int asked(const std::string& name);

 private:
  void serve();

  bool dead_;
  bool signed_root_;
  Fd socket_;
  std::string address_;
  std::mutex mutex_;
  std::map<std::string, int> asked_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace mxcert::test
