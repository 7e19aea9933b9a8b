#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/handle.h"
#include "dns/update.h"

namespace mxcert::test {

struct ServerManners {
  bool closes_after_each = false;  // as old servers do
  bool answers_backwards = false;  // whatever has come in, the last first
  bool is_silent = false;
};

/// A primary DNS server on a port of the loopback interface, by TCP and UDP, with the key of `at()`. Any two last
/// labels are a zone; the zone refused.example takes no updates. TXT questions are answered from `texts`, and cut off
/// where UDP is too small.
class UpdatingServer {
 public:
  explicit UpdatingServer(ServerManners manners = {});
  UpdatingServer(const UpdatingServer&) = delete;
  UpdatingServer& operator=(const UpdatingServer&) = delete;
  ~UpdatingServer();

  dns::UpdateServer at() const;
  void set_texts(const std::string& name, std::vector<std::string> texts);

  int connections() const { return connections_; }
  int updates() const { return updates_; }
  int datagrams() const { return datagrams_; }

 private:
  void serve();
  void serve_connection(const Fd& connection);
  std::string answer(const std::string& query, std::size_t max_size);

  ServerManners manners_;
  Fd listener_;
  Fd udp_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> texts_;
  std::atomic<int> connections_ = 0, updates_ = 0, datagrams_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace mxcert::test
