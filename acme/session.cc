#include "acme/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "acme/headers.h"
#include "acme/problem.h"
#include "base/text.h"

namespace mxcert::acme {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t max_kept_nonces = 256;
constexpr std::size_t max_nonce_bytes = 1024;
/// A busy CA that asks for no more than this is waited for within a request; longer is for whoever runs us.
constexpr std::chrono::seconds longest_busy_wait{30};
constexpr milliseconds first_pause{250};

bool is_success(const Response& response) {
  return response.status >= 200 && response.status < 300;
}

bool refuses_nonce(const Response& response) {
  return response.status >= 400 && response.status < 500 &&
         parse_problem(response.body, response.status).is("badNonce");
}

/// RFC 8555 §6.5.1: one that is not base64url is to be ignored.
bool is_nonce(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= max_nonce_bytes && std::ranges::all_of(text, allowed);
}

}  // namespace

Session::Session(Transport& transport, Clock& clock, Signer signer, std::string directory_url, ClientOptions options)
    : transport_(transport),
      clock_(clock),
      signer_(std::move(signer)),
      directory_url_(std::move(directory_url)),
      options_(options),
      key_(parse_public_key(signer_.public_key_der)) {
  if (!is_https_url(directory_url_))
    throw ConfigError(fmt::format("not an https URL: {}", printable(directory_url_, 300)),
                      "[ca] directory is the name of a known CA or the https URL of its directory");
}

const Directory& Session::directory(Deadline deadline) {
  if (directory_) return *directory_;
  const std::string context = "directory " + directory_url_;
  try {
    const Response response = require_success(get(directory_url_, deadline), clock_.now());
    directory_ = parse_directory(response.body);
  } catch (Problem& problem) {
    problem.add_context(context);
    if (!problem.document().type.empty() || problem.document().status >= 500) throw;
    throw Error(problem.message(), "check that [ca] directory is the URL of an ACME directory", problem.code());
  } catch (Error& error) {
    error.add_context(context);
    throw;
  }
  return *directory_;
}

Result Session::get(const std::string& url, Deadline deadline) {
  const Request request{.method = Method::get, .url = url};
  for (Attempt attempt;;) {
    Result result = transport_.perform({&request, 1}, deadline).at(0);
    if (const auto* response = std::get_if<Response>(&result)) note_date(*response);
    milliseconds pause{0};
    if (judge(result, true, attempt, deadline, pause) != Verdict::repeat) return result;
    clock_.sleep_for(pause);
  }
}

std::vector<Result> Session::post(std::span<const SignedRequest> requests, Deadline deadline, std::size_t next_batch) {
  const std::size_t full_wave = wave_size(requests.size());
  std::vector<std::optional<Result>> results(requests.size());
  std::deque<Attempt> waiting;
  for (std::size_t i = 0; i < requests.size(); ++i)
    waiting.push_back({.index = i});
  while (!waiting.empty()) {
    fetch_nonces(std::min(waiting.size(), full_wave), deadline);
    const std::size_t size = std::min({waiting.size(), full_wave, nonces_.size()});
    std::vector<Attempt> wave(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(size));
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(size));
    const std::size_t new_nonces = count_missing_nonces(wave_size(next_batch));
    std::vector<Result> answers = perform_signed(requests, wave, new_nonces, deadline);
    milliseconds pause{0};
    for (std::size_t i = 0; i < wave.size(); ++i) {
      const SignedRequest& request = requests[wave[i].index];
      if (judge(answers.at(i), request.repeatable, wave[i], deadline, pause) == Verdict::done)
        results[wave[i].index] = std::move(answers[i]);
      else
        waiting.push_back(wave[i]);
    }
    if (pause.count() > 0) clock_.sleep_for(pause);
  }
  std::vector<Result> complete;
  complete.reserve(results.size());
  for (auto& result : results)
    complete.push_back(*std::move(result));
  return complete;
}

std::vector<Result> Session::perform_signed(std::span<const SignedRequest> requests, std::span<const Attempt> wave,
                                            std::size_t new_nonces, Deadline deadline) {
  std::vector<Request> signed_requests;
  signed_requests.reserve(wave.size() + new_nonces);
  for (const Attempt& attempt : wave) {
    const SignedRequest& request = requests[attempt.index];
    if (!request.with_key && account_url_.empty()) throw Error("no account at this CA yet", "register one first");
    const JwsHeader header{
        .url = request.url, .nonce = take_nonce(), .key_id = request.with_key ? std::string() : account_url_};
    signed_requests.push_back({.method = Method::post,
                               .url = request.url,
                               .body = sign_jws(signer_, key_, header, request.payload),
                               .accept = request.accept});
  }
  for (std::size_t i = 0; i < new_nonces; ++i)
    signed_requests.push_back(ask_for_nonce(deadline));
  std::vector<Result> results = transport_.perform(signed_requests, deadline);
  for (const Result& result : results)
    if (const auto* response = std::get_if<Response>(&result)) keep_nonce(*response);
  results.erase(results.begin() + static_cast<std::ptrdiff_t>(wave.size()), results.end());
  return results;
}

/// What is to become of a request that got `result`. `pause` is raised to the time to wait before it is sent again.
Session::Verdict Session::judge(const Result& result, bool repeatable, Attempt& attempt, Deadline deadline,
                                milliseconds& pause) {
  const auto* response = std::get_if<Response>(&result);
  if (response != nullptr && is_success(*response)) return Verdict::done;
  if (response != nullptr && refuses_nonce(*response))
    return ++attempt.refused_nonces < options_.max_refused_nonces && !deadline.passed(clock_) ? Verdict::sign_again
                                                                                              : Verdict::done;
  milliseconds wait = first_pause * (1 << attempt.repetitions);
  if (response == nullptr) {
    const auto& error = std::get<TransportError>(result);
    const bool not_sent = error.kind() == TransportError::Kind::unreachable;
    if (!error.is_temporary() || !(repeatable || not_sent)) return Verdict::done;
  } else {
    const auto asked = retry_after(*response, clock_.now());
    const bool busy = (response->status == 429 || response->status == 503) && asked && *asked <= longest_busy_wait;
    if (!busy && (response->status < 500 || !repeatable)) return Verdict::done;
    if (busy) wait = std::max<milliseconds>(wait, *asked);
  }
  if (attempt.repetitions >= options_.max_repetitions || wait >= deadline.left(clock_)) return Verdict::done;
  ++attempt.repetitions;
  pause = std::max(pause, wait);
  return Verdict::repeat;
}

void Session::note_date(const Response& response) {
  if (const auto date = parse_http_date(response.date))
    ca_ahead_ = std::chrono::floor<std::chrono::seconds>(*date - clock_.now());
}

void Session::keep_nonce(const Response& response) {
  if (is_nonce(response.replay_nonce) && nonces_.size() < max_kept_nonces) nonces_.push_back(response.replay_nonce);
}

std::string Session::take_nonce() {
  std::string nonce = std::move(nonces_.back());
  nonces_.pop_back();
  return nonce;
}

/// How many at once: no more than allowed, in as few waves as that takes, and these of one size, since each request of
/// a wave needs a nonce.
std::size_t Session::wave_size(std::size_t requests) const {
  const std::size_t waves = (requests + options_.max_parallel_requests - 1) / options_.max_parallel_requests;
  return waves == 0 ? 0 : (requests + waves - 1) / waves;
}

/// How many to ask for. A CA that gave fewer than it was asked for (Let's Encrypt lets a burst of ten through) is not
/// asked for the rest again and again: with fewer it goes on all the same, a little slower.
std::size_t Session::count_missing_nonces(std::size_t wanted) const {
  return wanted - std::min(wanted, std::max(nonces_.size(), nonces_asked_for_));
}

Request Session::ask_for_nonce(Deadline deadline) {
  ++nonces_asked_for_;
  return {.method = Method::head, .url = directory(deadline).new_nonce};
}

/// Tops up what is in hand to `wanted` (RFC 8555 §7.2). Fewer will do, if there is one at least.
void Session::fetch_nonces(std::size_t wanted, Deadline deadline) {
  for (Attempt attempt;;) {
    if (nonces_.empty()) nonces_asked_for_ = 0;
    const std::size_t missing = count_missing_nonces(wanted);
    if (missing == 0) return;
    std::vector<Request> requests;
    for (std::size_t i = 0; i < missing; ++i)
      requests.push_back(ask_for_nonce(deadline));
    std::vector<Result> results = transport_.perform(requests, deadline);
    for (const Result& result : results)
      if (const auto* response = std::get_if<Response>(&result)) keep_nonce(*response);
    if (!nonces_.empty()) return;
    milliseconds pause{0};
    if (judge(results.at(0), true, attempt, deadline, pause) != Verdict::repeat) {
      require_success(std::move(results[0]), clock_.now());
      throw Error("the CA gave no nonce", "the CA does not speak RFC 8555, or something in between takes headers away",
                  "bad_answer");
    }
    clock_.sleep_for(pause);
  }
}

Response require_success(Result result, SystemTime now) {
  if (const auto* error = std::get_if<TransportError>(&result)) throw *error;
  auto& response = std::get<Response>(result);
  if (!is_success(response)) throw Problem(parse_problem(response.body, response.status), retry_after(response, now));
  return std::move(response);
}

}  // namespace mxcert::acme
