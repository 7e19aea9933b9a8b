#pragma once
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "acme/signer.h"
#include "acme/transport.h"
#include "base/text.h"
#include "fake_clock.h"
#include "pki/key.h"

namespace mxcert::test {

inline acme::Signer make_signer() {
  static const pki::PrivateKey key = pki::PrivateKey::generate(pki::KeyType::ecdsa_p256);
  return {.public_key_der = key.public_key_der(), .sign = [](std::string_view data) { return key.sign(data); }};
}

inline acme::Response answer(int status, std::string body = {}) {
  return {.status = status, .body = std::move(body)};
}
inline acme::Response created(std::string location, std::string body) {
  return {.status = 201, .location = std::move(location), .body = std::move(body)};
}
inline acme::Response problem(int status, const std::string& type, const std::string& detail = "because") {
  return answer(status, nlohmann::json{{"type", "urn:ietf:params:acme:error:" + type}, {"detail", detail}}.dump());
}
inline acme::Response with_retry_after(acme::Response response, std::string value) {
  response.retry_after = std::move(value);
  return response;
}

/// A CA that is a table: what it answers at each URL, the first time, the second time, … and from then on the last.
/// It gives nonces out and takes each once, as long as it is not told otherwise.
class FakeCa final : public acme::Transport {
 public:
  struct Seen {
    acme::Method method = acme::Method::get;
    std::string url = {};
    nlohmann::json header = {};
    std::string payload = {};
  };

  FakeCa() {
    on("/dir", answer(200, R"({"newNonce":"https://ca.test/nonce","newAccount":"https://ca.test/new-account",
                               "newOrder":"https://ca.test/new-order","revokeCert":"https://ca.test/revoke",
                               "keyChange":"https://ca.test/key-change"})"));
    on("/nonce", answer(200));
  }

  static std::string url(const std::string& path) { return "https://ca.test" + path; }

  void on(const std::string& path, acme::Result result) { table_[url(path)].push_back(std::move(result)); }
  void replace(const std::string& path, acme::Result result) {
    table_[url(path)].clear();
    on(path, std::move(result));
  }

  std::vector<acme::Result> perform(std::span<const acme::Request> requests, Deadline deadline) override {
    std::vector<acme::Result> results;
    if (clock != nullptr && deadline.passed(*clock))
      return std::vector<acme::Result>(requests.size(),
                                       acme::TransportError(acme::TransportError::Kind::timeout, "no answer in time"));
    batches.push_back(requests.size());
    for (const acme::Request& request : requests)
      results.push_back(answer_one(request));
    return results;
  }

  std::size_t count(const std::string& path) const {
    return static_cast<std::size_t>(std::ranges::count(seen, url(path), &Seen::url));
  }
  const Seen& seen_at(const std::string& path, std::size_t index) const {
    for (const Seen& one : seen)
      if (one.url == url(path) && index-- == 0) return one;
    throw std::runtime_error("not asked for that often: " + path);
  }
  const Seen& last(const std::string& path) const {
    const auto found = std::find_if(seen.rbegin(), seen.rend(), [&](const Seen& one) { return one.url == url(path); });
    if (found == seen.rend()) throw std::runtime_error("nobody asked for " + path);
    return *found;
  }

  std::vector<Seen> seen;
  std::vector<std::size_t> batches;
  Clock* clock = nullptr;  // with one, nothing is answered after the deadline
  bool gives_nonces = true;
  bool nonces_with_errors = true;
  bool refuses_every_nonce = false;

 private:
  acme::Result answer_one(const acme::Request& request) {
    Seen one{.method = request.method, .url = request.url};
    acme::Result result = next(request.url);
    if (request.method == acme::Method::post) {
      const auto jws = nlohmann::json::parse(request.body);
      one.header = nlohmann::json::parse(from_base64url(jws["protected"].get<std::string>()).value());
      one.payload = from_base64url(jws["payload"].get<std::string>()).value();
      const bool known = std::erase(nonces_, one.header["nonce"].get<std::string>()) == 1;
      if (!known || refuses_every_nonce) result = problem(400, "badNonce");
    }
    seen.push_back(std::move(one));
    if (auto* response = std::get_if<acme::Response>(&result)) add_nonce(*response);
    return result;
  }

  acme::Result next(const std::string& at) {
    const auto found = table_.find(at);
    if (found == table_.end()) return problem(404, "malformed", "nothing at " + at);
    acme::Result result = found->second.front();
    if (found->second.size() > 1) found->second.pop_front();
    return result;
  }

  void add_nonce(acme::Response& response) {
    if (!gives_nonces || !response.replay_nonce.empty() || (response.status >= 500 && !nonces_with_errors)) return;
    response.replay_nonce = "nonce" + std::to_string(++given_);
    nonces_.push_back(response.replay_nonce);
  }

  std::map<std::string, std::deque<acme::Result>> table_;
  std::vector<std::string> nonces_;
  int given_ = 0;
};

}  // namespace mxcert::test
