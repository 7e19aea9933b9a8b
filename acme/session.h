#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "acme/client.h"
#include "acme/jose.h"
#include "acme/messages.h"
#include "acme/signer.h"
#include "acme/transport.h"
#include "base/clock.h"

namespace mxcert::acme {

struct SignedRequest {
  std::string url = {};
  std::string payload = {};  // empty: POST-as-GET (RFC 8555 §6.3)
  std::string accept = {};
  bool repeatable = false;  // sending it twice does no harm
  bool with_key = false;    // names the account by its key instead of its URL: newAccount
};

/// Signed requests to one CA: nonces, refused nonces, repetition. Knows no resource but the directory.
class Session {
 public:
  Session(Transport& transport, Clock& clock, Signer signer, std::string directory_url, ClientOptions options);

  const Directory& directory(Deadline deadline);
  const Jwk& key() const { return key_; }
  Clock& clock() { return clock_; }
  std::optional<std::chrono::seconds> ca_ahead() const { return ca_ahead_; }
  std::string& account_url() { return account_url_; }

  /// One result for each request, in the same order: an answer of any status, or why there is none.
  /// Nonces for a batch of `next_batch` requests that will follow are asked for meanwhile, which saves a round trip.
  std::vector<Result> post(std::span<const SignedRequest> requests, Deadline deadline, std::size_t next_batch = 0);
  /// Not signed: for what anybody may read.
  Result get(const std::string& url, Deadline deadline);

 private:
  struct Attempt {
    std::size_t index = 0;
    std::size_t refused_nonces = 0;
    std::size_t repetitions = 0;
  };
  enum class Verdict { done, sign_again, repeat };

  /// Also sends `new_nonces` requests for one.
  std::vector<Result> perform_signed(std::span<const SignedRequest> requests, std::span<const Attempt> wave,
                                     std::size_t new_nonces, Deadline deadline);
  Verdict judge(const Result& result, bool repeatable, Attempt& attempt, Deadline deadline,
                std::chrono::milliseconds& pause);

  void note_date(const Response& response);
  void keep_nonce(const Response& response);
  std::string take_nonce();
  std::size_t wave_size(std::size_t requests) const;
  std::size_t count_missing_nonces(std::size_t wanted) const;
  Request ask_for_nonce(Deadline deadline);
  void fetch_nonces(std::size_t wanted, Deadline deadline);

  Transport& transport_;
  Clock& clock_;
  Signer signer_;
  std::string directory_url_;
  ClientOptions options_;
  Jwk key_;
  std::string account_url_;
  std::optional<Directory> directory_;
  std::optional<std::chrono::seconds> ca_ahead_;  // by the Date of the last answer without signature
  std::vector<std::string> nonces_;               // the newest last, and used first
  std::size_t nonces_asked_for_ = 0;  // since there was none: each answer brings one for the one that it took
};

/// The answer if its status says success; throws TransportError or Problem otherwise.
Response require_success(Result result, SystemTime now);

}  // namespace mxcert::acme
