#include "acme/curl_transport.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <system_error>

#include "acme/headers.h"
#include "base/error.h"
#include "base/files.h"
#include "base/handle.h"
#include "base/stop.h"
#include "base/text.h"

namespace mxcert::acme {
namespace {

using std::chrono::milliseconds;
using EasyHandle = Handle<CURL, curl_easy_cleanup>;
using MultiHandle = Handle<CURLM, curl_multi_cleanup>;
using HeaderList = Handle<curl_slist, curl_slist_free_all>;

constexpr std::size_t max_roots_bytes = 16 << 20;

std::string host_of(std::string_view url) {
  const auto begin = url.find("://");
  const std::string_view rest = begin == std::string_view::npos ? url : url.substr(begin + 3);
  return printable(rest.substr(0, rest.find_first_of("/?#")), 300);
}

/// Without the port; in the brackets of an IPv6 address there are colons too.
std::string_view without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  return colon == std::string_view::npos || host.ends_with(']') ? host : host.substr(0, colon);
}

std::string read_trust_file(const std::filesystem::path& path) {
  try {
    std::string pem = read_file(path, max_roots_bytes);
    if (pem.find("-----BEGIN CERTIFICATE-----") != std::string::npos) return pem;
  } catch (const Error& error) {
    throw ConfigError("the roots to trust cannot be read: " + error.message(), "check [ca] trust");
  }
  throw ConfigError(fmt::format("no certificate in {}", printable(path.native(), 300)),
                    "[ca] trust names a file with root certificates in PEM");
}

/// Where libcurl was built to look for the system's roots.
std::filesystem::path default_path(CURLINFO info) {
  const EasyHandle easy(curl_easy_init());
  char* path = nullptr;
  if (!easy || curl_easy_getinfo(easy.get(), info, &path) != CURLE_OK || path == nullptr) return {};
  return path;
}

/// Whether OpenSSL finds single roots in there by the hash of their names, as `openssl rehash` links them.
bool is_hashed_directory(const std::filesystem::path& directory) {
  const auto is_hash_link = [](const std::filesystem::path& entry) {
    const std::string name = entry.filename();
    return name.size() == 10 && name.ends_with(".0") && name.find_first_not_of("0123456789abcdef") == 8;
  };
  try {
    return std::ranges::any_of(list_directory_if_exists(directory), is_hash_link);
  } catch (const Error&) {  // there is the bundle of all
    return false;
  }
}

/// Which roots the CA's own certificate may lead to.
struct Roots {
  std::string pem = {};                  // empty: see below
  std::filesystem::path directory = {};  // looked into for the one that is needed; empty: libcurl's default bundle
};

/// A directory rather than the bundle of all, where the system has one: parsing 150 roots to use one of them is a third
/// of the memory of a run.
Roots find_roots(const std::optional<std::filesystem::path>& trust) {
  Roots roots;
  const std::filesystem::path directory = default_path(CURLINFO_CAPATH);
  if (is_hashed_directory(directory)) roots.directory = directory;
  if (!trust) return roots;
  roots.pem = read_trust_file(*trust);
  if (roots.directory.empty())
    roots.pem += "\n" + read_file_if_exists(default_path(CURLINFO_CAINFO), max_roots_bytes).value_or("");
  return roots;
}

/// One request under way. Stays where it is: libcurl holds pointers into it.
class Transfer {
 public:
  Transfer(const MultiHandle& multi, const Request& request, const CurlOptions& options, const Roots& roots,
           milliseconds timeout)
      : multi_(multi), request_(request), options_(options), easy_(curl_easy_init()) {
    if (!easy_) throw std::bad_alloc();
    set_up_connection(roots, timeout);
    set_up_request();
    set_up_callbacks();
    curl_multi_add_handle(multi_.get(), easy_.get());
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() { curl_multi_remove_handle(multi_.get(), easy_.get()); }

  bool is(const CURL* easy) const { return easy_.get() == easy; }

  Result finish(CURLcode code) {
    if (code != CURLE_OK) return explain(code);
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    return std::move(response_);
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(easy_.get(), option, value);
  }

  void set_up_connection(const Roots& roots, milliseconds timeout) {
    set(CURLOPT_URL, request_.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    set(CURLOPT_PIPEWAIT, 1L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // else a name that is being looked up is waited for, whatever deadline and stop say
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<milliseconds::rep>(1, timeout.count())));
    if (!roots.directory.empty()) {
      set(CURLOPT_CAINFO, nullptr);
      set(CURLOPT_CAPATH, roots.directory.c_str());
    }
    if (roots.pem.empty()) return;
    curl_blob blob{const_cast<char*>(roots.pem.data()), roots.pem.size(), CURL_BLOB_NOCOPY};
    set(CURLOPT_CAINFO_BLOB, &blob);
  }

  void set_up_request() {
    set(CURLOPT_USERAGENT, options_.user_agent.c_str());
    add_header("Expect:");
    if (!request_.accept.empty()) add_header("Accept: " + request_.accept);
    if (request_.method == Method::head) set(CURLOPT_NOBODY, 1L);
    if (request_.method == Method::post) {
      add_header("Content-Type: application/jose+json");
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      set(CURLOPT_POSTFIELDS, request_.body.data());
    }
    set(CURLOPT_HTTPHEADER, headers_.get());
  }

  void set_up_callbacks() {
    set(CURLOPT_ERRORBUFFER, error_text_.data());
    set(CURLOPT_HEADERDATA, this);
    set(
        CURLOPT_HEADERFUNCTION, +[](char* data, std::size_t, std::size_t size, void* self) {
          return static_cast<Transfer*>(self)->take_header({data, size}) ? size : 0;
        });
    set(CURLOPT_WRITEDATA, this);
    set(
        CURLOPT_WRITEFUNCTION, +[](char* data, std::size_t, std::size_t size, void* self) {
          return static_cast<Transfer*>(self)->take_body({data, size}) ? size : 0;
        });
  }

  void add_header(const std::string& line) {
    curl_slist* extended = curl_slist_append(headers_.get(), line.c_str());
    if (extended == nullptr) throw std::bad_alloc();
    static_cast<void>(headers_.release());
    headers_.reset(extended);
  }

  bool take_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > options_.max_header_bytes) {
      too_large_ = fmt::format("its headers are larger than {} bytes", options_.max_header_bytes);
      return false;
    }
    if (line.starts_with("HTTP/")) response_ = {};  // an interim answer may have come before
    const auto colon = line.find(':');
    if (colon != std::string_view::npos)
      keep_header(to_lower_ascii(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
    return true;
  }

  void keep_header(std::string_view name, std::string value) {
    if (name == "link") {
      response_.links.push_back(std::move(value));
    } else if (std::string* kept = find_header(name)) {
      *kept = std::move(value);
    }
  }

  /// Where the header is kept; null when ACME does not speak of it.
  std::string* find_header(std::string_view name) {
    if (name == "content-type") return &response_.content_type;
    if (name == "replay-nonce") return &response_.replay_nonce;
    if (name == "location") return &response_.location;
    if (name == "retry-after") return &response_.retry_after;
    if (name == "date") return &response_.date;
    return nullptr;
  }

  bool take_body(std::string_view data) {
    if (response_.body.size() + data.size() > options_.max_body_bytes) {
      too_large_ = fmt::format("it is larger than {} bytes", options_.max_body_bytes);
      return false;
    }
    response_.body += data;
    return true;
  }

  TransportError explain(CURLcode code) const {
    const std::string host = host_of(request_.url);
    const auto reason = [&] { return printable(error_text_[0] ? error_text_.data() : curl_easy_strerror(code), 300); };
    if (!too_large_.empty())
      return {TransportError::Kind::refused, fmt::format("the answer of {} was refused: {}", host, too_large_),
              "no CA has that much to say: check [ca] directory, or try again later"};
    switch (code) {
      case CURLE_COULDNT_RESOLVE_HOST:
        return {TransportError::Kind::unreachable, fmt::format("no address for {} in the DNS", without_port(host)),
                "check the host in [ca] directory, and the resolver in /etc/resolv.conf"};
      case CURLE_COULDNT_RESOLVE_PROXY:
      case CURLE_COULDNT_CONNECT:
        return {TransportError::Kind::unreachable, fmt::format("cannot connect to {}: {}", host, connect_failure(code)),
                "the CA is down, or a firewall is in the way: try again later, or check [ca] directory"};
      case CURLE_PEER_FAILED_VERIFICATION:
        return explain_mistrust(host, reason());
      case CURLE_SSL_CONNECT_ERROR:
        return {TransportError::Kind::broken, fmt::format("no TLS connection to {}: {}", host, reason()),
                "check that [ca] directory names an HTTPS port"};
      case CURLE_OPERATION_TIMEDOUT:
        return {TransportError::Kind::timeout, fmt::format("no answer from {} in time: {}", host, reason()),
                "the CA is slow or down, or a firewall is in the way: try again later"};
      case CURLE_UNSUPPORTED_PROTOCOL:
      case CURLE_URL_MALFORMAT:
        // libcurl says the same of an answer that is not HTTP.
        if (is_https_url(request_.url))
          return {TransportError::Kind::broken, fmt::format("the answer of {} is not HTTP: {}", host, reason()),
                  "check that [ca] directory names an HTTPS port"};
        return {TransportError::Kind::refused, fmt::format("not an https URL: {}", printable(request_.url, 300)),
                "check [ca] directory"};
      default:
        return {TransportError::Kind::broken, fmt::format("the connection to {} broke: {}", host, reason()),
                "try again later"};
    }
  }

  std::string connect_failure(CURLcode code) const {
    long number = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &number);
    return number != 0 ? std::generic_category().message(static_cast<int>(number)) : curl_easy_strerror(code);
  }

  static TransportError explain_mistrust(const std::string& host, const std::string& reason) {
    std::string hint = "set [ca] trust to a file with the root certificate that the CA's own HTTPS leads to";
    // "… does not match target host name" in libcurl 7.88, "hostname" in 8.14
    if (reason.find("subject name") != std::string::npos)
      hint = "check that [ca] directory has the name that the CA's certificate is for";
    if (reason.find("expired") != std::string::npos || reason.find("not yet valid") != std::string::npos)
      hint = "check this machine's clock; if it is right, the CA must renew its certificate";
    return {TransportError::Kind::not_trusted, fmt::format("the certificate of {} is not trusted: {}", host, reason),
            std::move(hint)};
  }

  const MultiHandle& multi_;
  const Request& request_;
  const CurlOptions& options_;
  EasyHandle easy_;
  HeaderList headers_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  Response response_;
  std::size_t header_bytes_ = 0;
  std::string too_large_;
};

}  // namespace

class CurlTransport::Connections {
 public:
  Connections(Clock& clock, CurlOptions options) : clock_(clock), options_(std::move(options)) {
    static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);
    multi_.reset(initialized == CURLE_OK ? curl_multi_init() : nullptr);
    if (!multi_) throw Error("libcurl cannot be initialized");
    roots_ = find_roots(options_.trust);
    curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
    curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(options_.max_connections));
  }

  std::vector<Result> perform(std::span<const Request> requests, Deadline deadline) {
    std::vector<std::optional<Result>> results(requests.size());
    std::vector<std::unique_ptr<Transfer>> transfers(requests.size());
    std::size_t started = 0;
    std::size_t finished = 0;
    while (finished < requests.size() && !deadline.passed(clock_)) {
      throw_if_stopped();
      for (; started < requests.size() && may_start(); ++started)
        transfers[started] = start(requests[started], deadline);
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      const std::size_t before = finished;
      finished += collect(transfers, results);
      if (finished == before) wait(started < requests.size(), deadline);
    }
    return with_timeouts(requests, std::move(results));
  }

  std::size_t requests_sent() const noexcept { return sent_; }

 private:
  bool may_start() {
    if (options_.max_requests_per_second <= 0) return true;
    const SteadyTime now = clock_.steady_now();
    if (now < next_start_) return false;
    const std::chrono::duration<double> interval(1 / options_.max_requests_per_second);
    next_start_ = std::max(next_start_, now - std::chrono::milliseconds{10}) +
                  std::chrono::duration_cast<SteadyTime::duration>(interval);
    return true;
  }

  std::unique_ptr<Transfer> start(const Request& request, Deadline deadline) {
    ++sent_;
    return std::make_unique<Transfer>(multi_, request, options_, roots_,
                                      std::min(options_.request_timeout, deadline.left(clock_)));
  }

  /// Takes over what has ended since; how many that were.
  std::size_t collect(std::vector<std::unique_ptr<Transfer>>& transfers, std::vector<std::optional<Result>>& results) {
    std::size_t count = 0;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      const auto found = std::ranges::find_if(
          transfers, [&](const auto& transfer) { return transfer && transfer->is(message->easy_handle); });
      if (found == transfers.end()) continue;
      results[static_cast<std::size_t>(found - transfers.begin())] = (*found)->finish(code);
      found->reset();
      ++count;
    }
    return count;
  }

  void wait(bool more_to_start, Deadline deadline) {
    milliseconds timeout = std::min(milliseconds{1000}, deadline.left(clock_));
    if (more_to_start) {
      const auto until_start = std::chrono::ceil<milliseconds>(next_start_ - clock_.steady_now());
      timeout = std::clamp(until_start, milliseconds{0}, timeout);
    }
    curl_waitfd stop{stop_fd(), CURL_WAIT_POLLIN, 0};
    const bool watch = stop.fd >= 0;
    curl_multi_poll(multi_.get(), watch ? &stop : nullptr, watch ? 1 : 0, static_cast<int>(timeout.count()), nullptr);
  }

  static std::vector<Result> with_timeouts(std::span<const Request> requests,
                                           std::vector<std::optional<Result>> results) {
    std::vector<Result> complete;
    complete.reserve(results.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i]) {
        complete.push_back(*std::move(results[i]));
        continue;
      }
      complete.push_back(TransportError(TransportError::Kind::timeout,
                                        fmt::format("no answer from {} in time", host_of(requests[i].url)),
                                        "the CA is slow or down, or a firewall is in the way: try again later"));
    }
    return complete;
  }

  Clock& clock_;
  CurlOptions options_;
  Roots roots_;  // empty: libcurl's default
  MultiHandle multi_;
  SteadyTime next_start_{};
  std::size_t sent_ = 0;
};

CurlTransport::CurlTransport(Clock& clock, CurlOptions options)
    : connections_(std::make_unique<Connections>(clock, std::move(options))) {
}

CurlTransport::~CurlTransport() = default;

std::vector<Result> CurlTransport::perform(std::span<const Request> requests, Deadline deadline) {
  return connections_->perform(requests, deadline);
}

std::size_t CurlTransport::requests_sent() const noexcept {
  return connections_->requests_sent();
}

}  // namespace mxcert::acme
