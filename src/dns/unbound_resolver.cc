#include "dns/unbound_resolver.h"

#include <fmt/format.h>
#include <unbound.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/handle.h"
#include "base/text.h"
#include "base/wait.h"
#include "dns/wire.h"

namespace mxcert::dns {
namespace {

using UnboundContext = Handle<ub_ctx, ub_ctx_delete>;

constexpr int class_in = 1;
constexpr const char* system_trust_anchor = "/usr/share/dns/root.key";
constexpr auto root_keys = static_cast<RecordType>(48);  // DNSKEY (RFC 4034 §2), only asked for as a test
constexpr const char* resolv_conf = "/etc/resolv.conf";
constexpr std::size_t max_trust_anchor_bytes = 1 << 20;
constexpr std::size_t max_records = 1000;

void require(int status, std::string_view doing) {
  if (status == UB_NOERROR) return;
  throw Error(fmt::format("cannot start the DNS resolver: {}: {}", doing, ::ub_strerror(status)), {}, "dns");
}

void set_option(ub_ctx& context, const char* option, const std::string& value) {
  require(::ub_ctx_set_option(&context, option, value.c_str()), option);
}

/// libunbound is built for one question at a time; this is for hundreds. One socket a question in flight, so that
/// none waits for another, below the usual limit of 1024 descriptors.
void set_sizes(ub_ctx& context, std::size_t max_in_flight) {
  set_option(context, "outgoing-range:", std::to_string(std::clamp<std::size_t>(max_in_flight + 56, 64, 512)));
  set_option(context, "num-queries-per-thread:", std::to_string(2 * max_in_flight + 64));
  set_option(context, "outgoing-num-tcp:", "16");
  set_option(context, "infra-keep-probing:", "yes");  // many dead zones do not make the forwarder itself seem dead
  set_option(context, "msg-cache-size:", "4m");
  set_option(context, "rrset-cache-size:", "4m");
}

/// What Unbound answers from its own knowledge unless told otherwise, and what private networks and labs use.
void ask_servers_for_everything(ub_ctx& context) {
  set_option(context, "unblock-lan-zones:", "yes");
  set_option(context, "local-zone:", "test. nodefault");
}

/// What would be asked besides what is needed: the name of the trust anchor that is used (RFC 8145).
void ask_no_more(ub_ctx& context) {
  set_option(context, "trust-anchor-signaling:", "no");
}

[[noreturn]] void refuse_server(std::string_view server, std::string_view reason) {
  throw ConfigError(fmt::format("DNS server \"{}\": {}", printable(server, 200), reason),
                    "write ADDRESS or ADDRESS@PORT, such as 192.0.2.53 or 127.0.0.1@8053");
}

void check_server(std::string_view server) {
  const auto at = server.find('@');
  if (!IpAddress::find(server.substr(0, at))) refuse_server(server, "this is no IP address");
  if (at == std::string_view::npos) return;
  const std::string_view port = server.substr(at + 1);
  std::uint16_t number = 0;
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (failure != std::errc{} || end != port.data() + port.size() || number == 0)
    refuse_server(server, "this is no port number");
}

void set_servers(ub_ctx& context, const std::vector<std::string>& servers) {
  for (const std::string& server : servers) {
    check_server(server);
    if (const int status = ::ub_ctx_set_fwd(&context, server.c_str()); status != UB_NOERROR)
      refuse_server(server, ::ub_strerror(status));
  }
  if (servers.empty() && path_exists(resolv_conf)) require(::ub_ctx_resolvconf(&context, resolv_conf), resolv_conf);
}

/// libunbound reads the file much later and says little, so what can be said is said here.
void check_trust_anchor(const std::filesystem::path& file) {
  try {
    const std::string content = read_file(file, max_trust_anchor_bytes);
    if (content.find("DS") != std::string::npos || content.find("DNSKEY") != std::string::npos) return;
  } catch (const Error& failure) {
    throw ConfigError(fmt::format("DNSSEC trust anchor: {}", failure.message()),
                      "name a file with the root's DS or DNSKEY records, or install the package dns-root-data");
  }
  throw ConfigError(fmt::format("DNSSEC trust anchor {}: it has no DS or DNSKEY record", file.string()),
                    "name a file with the root's DS or DNSKEY records, or install the package dns-root-data");
}

Validation validation_with(const UnboundOptions& options) {
  if (!options.validate) return Validation::off;
  const bool any = options.trust_anchor || path_exists(system_trust_anchor);
  return any ? Validation::on : Validation::no_trust_anchor;
}

void set_trust_anchor(ub_ctx& context, const UnboundOptions& options) {
  if (validation_with(options) != Validation::on) return;
  const std::filesystem::path file = options.trust_anchor.value_or(system_trust_anchor);
  check_trust_anchor(file);
  require(::ub_ctx_add_ta_file(&context, file.c_str()), "trust anchor");
}

/// Options cannot be set after this; files named by them have been read.
void finish_configuration(ub_ctx& context, const UnboundOptions& options) {
  const int status = ::ub_ctx_zone_remove(&context, "test.");
  if (status == UB_NOERROR) return;
  if (options.validate && options.trust_anchor)
    throw ConfigError(fmt::format("DNSSEC trust anchor {}: its records cannot be read", options.trust_anchor->string()),
                      "name a file with the root's DS or DNSKEY records");
  require(status, "configuration");
}

UnboundContext make_context(const UnboundOptions& options) {
  UnboundContext context(::ub_ctx_create());
  if (!context) throw Error("cannot start the DNS resolver: out of memory or descriptors", {}, "dns");
  require(::ub_ctx_debugout(context.get(), nullptr), "log");  // what matters comes as a result
  require(::ub_ctx_async(context.get(), 1), "thread");
  set_sizes(*context, options.max_in_flight);
  ask_servers_for_everything(*context);
  ask_no_more(*context);
  set_servers(*context, options.servers);
  set_trust_anchor(*context, options);
  finish_configuration(*context, options);
  return context;
}

Answer temporary(std::string reason) {
  Answer answer;
  answer.reason = std::move(reason);
  return answer;
}

std::string rcode_name(int rcode) {
  switch (rcode) {
    case 1:
      return "FORMERR";
    case 2:
      return "SERVFAIL";
    case 4:
      return "NOTIMP";
    case 5:
      return "REFUSED";
    default:
      return fmt::format("error {}", rcode);
  }
}

bool add_record(Answer& answer, RecordType type, std::span<const std::uint8_t> rdata) {
  if (type == RecordType::mx) {
    std::optional<MxRecord> record = parse_mx(rdata);
    if (record) answer.mx.push_back(std::move(*record));
    return record.has_value();
  }
  if (type == RecordType::srv) {
    std::optional<SrvRecord> record = parse_srv(rdata);
    if (record) answer.srv.push_back(std::move(*record));
    return record.has_value();
  }
  if (type == RecordType::tlsa) {
    std::optional<TlsaRecord> record = parse_tlsa(rdata);
    if (record) answer.tlsa.push_back(std::move(*record));
    return record.has_value();
  }
  if (type == RecordType::caa) {
    std::optional<CaaRecord> record = parse_caa(rdata);
    if (record) answer.caa.push_back(std::move(*record));
    return record.has_value();
  }
  const std::optional<IpAddress> address = type == RecordType::a ? parse_a(rdata) : parse_aaaa(rdata);
  if (address) answer.addresses.push_back(*address);
  return address.has_value();
}

bool add_records(Answer& answer, RecordType type, const ub_result& result) {
  for (std::size_t i = 0; i < max_records && result.data[i] != nullptr; ++i) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(result.data[i]);
    if (!add_record(answer, type, {data, static_cast<std::size_t>(result.len[i])})) return false;
  }
  std::ranges::sort(answer.mx);
  std::ranges::sort(answer.addresses);
  std::ranges::sort(answer.srv);
  std::ranges::sort(answer.caa);
  std::ranges::sort(answer.tlsa);
  return true;
}

/// libunbound's words without the name and type, which the reader knows.
std::string validation_failure(const ub_result& result) {
  std::string_view text = result.why_bogus == nullptr ? "validation failed" : result.why_bogus;
  if (const auto end = text.find(">: "); text.starts_with("validation failure <") && end != std::string_view::npos)
    text.remove_prefix(end + 3);
  return printable(trim(text), 300);
}

/// A chain of trust that breaks at its very beginning is not the zone's fault: the servers we ask take the
/// signatures away, or the trust anchor is outdated.
bool breaks_at_trust_anchor(const ub_result& result) {
  return result.bogus != 0 && validation_failure(result).find("trust anchor") != std::string::npos;
}

/// Whether the answer to a question about the root has a signature of the root (RFC 4034 §3): owner, type and class.
bool has_root_signature(const ub_result& result) {
  if (result.answer_packet == nullptr || result.answer_len <= 0) return false;
  constexpr std::string_view signature("\0\0\x2e\0\x01", 5);
  const std::string_view packet(static_cast<const char*>(result.answer_packet),
                                static_cast<std::size_t>(result.answer_len));
  return packet.find(signature) != std::string_view::npos;
}

Answer bogus(const ub_result& result) {
  std::string failure = validation_failure(result);
  if (breaks_at_trust_anchor(result))
    return temporary(
        fmt::format("the signatures that the DNS servers in use pass on do not fit the trust anchor, so "
                    "renew it or ask others with dns.servers ({})",
                    failure));
  return {.status = AnswerStatus::bogus, .security = Security::bogus, .reason = std::move(failure)};
}

Answer to_answer(const Question& question, const ub_result& result) {
  if (result.bogus != 0) return bogus(result);
  Answer answer;
  constexpr int noerror = 0;
  constexpr int nxdomain = 3;
  if (result.rcode != noerror && result.rcode != nxdomain)
    return temporary(fmt::format("the DNS answers {}", rcode_name(result.rcode)));
  answer.security = result.secure != 0 ? Security::secure : Security::insecure;
  answer.ttl = std::chrono::seconds{std::max(result.ttl, 0)};
  if (result.canonname != nullptr) answer.canonical = DnsName::parse_host(result.canonname);
  if (answer.canonical == question.name) answer.canonical.reset();
  if (result.nxdomain != 0) {
    answer.status = AnswerStatus::nxdomain;
  } else if (result.havedata == 0) {
    answer.status = AnswerStatus::nodata;
  } else {
    answer.status = AnswerStatus::ok;
    if (!add_records(answer, question.type, result))
      return temporary(fmt::format("the DNS answers with {} data that cannot be read", to_string(question.type)));
  }
  return answer;
}

std::string seconds_text(std::chrono::milliseconds duration) {
  return fmt::format("{:g} s", static_cast<double>(duration.count()) / 1000);
}

}  // namespace

struct UnboundResolver::Context {
  UnboundContext handle;
};

/// The questions of one call that are under way. Cancels what is left when it ends, however it ends: libunbound
/// holds pointers into it.
class UnboundResolver::Batch {
 public:
  /// `answers` has one place for each of `questions`, which are distinct.
  Batch(UnboundResolver& resolver, std::span<const Question* const> questions, std::span<Answer> answers)
      : resolver_(resolver),
        context_(*resolver.context_->handle),
        questions_(questions),
        answers_(answers),
        waiting_(questions.size()),
        time_(resolver.options_.batch_timeout +
              resolver.options_.batch_timeout_per_question * static_cast<int>(questions.size())),
        deadline_(Deadline::after(resolver.clock_, time_)) {
    std::iota(waiting_.begin(), waiting_.end(), std::size_t{0});
    // Neighbours in the alphabet are often in the same zone, which may be dead: they are not to hold all places at
    // once.
    std::ranges::shuffle(waiting_, std::minstd_rand());
    // Even so the first ones may all lead to dead zones. Whether the servers themselves answer, the root tells.
    if (waiting_.size() > resolver.options_.max_in_flight) waiting_.push_back(root_question);
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() {
    for (const auto& query : in_flight_)
      ::ub_cancel(&context_, query->id);
  }

  void run() {
    if (!resolver_.dead_.empty()) give_up(resolver_.dead_);
    while (!waiting_.empty() || !in_flight_.empty()) {
      start_queries();
      wait();
      collect();
      expire();
      tell_progress();
    }
  }

  /// Whether a chain of trust broke at its beginning.
  bool broke_at_trust_anchor() const { return broke_at_trust_anchor_; }
  /// Whether anything was answered about the root, and all of it without signature.
  bool is_unsigned() const { return any_definite_ && !any_signature_; }

 private:
  static constexpr std::size_t root_question = std::numeric_limits<std::size_t>::max();  // whose answer is not kept

  struct Query {
    const Question& question;
    std::size_t index = 0;
    Deadline deadline;
    int id = 0;
    std::optional<Answer> answer = {};
    bool broke_at_trust_anchor = false;
    bool has_signature = false;
    bool is_definite = false;
  };

  const Question& question(std::size_t index) const {
    static const Question root{*DnsName::parse_host("."), RecordType::a};
    return index == root_question ? root : *questions_[index];
  }

  /// Called by ub_process; nothing may be thrown through libunbound.
  static void on_result(void* data, int status, ub_result* result) noexcept {
    const Handle<ub_result, ub_resolve_free> owned(result);
    auto& query = *static_cast<Query*>(data);
    try {
      if (status == UB_NOERROR && owned) {
        query.broke_at_trust_anchor = breaks_at_trust_anchor(*owned);
        query.has_signature = has_root_signature(*owned);
        query.is_definite = owned->rcode == 0 && owned->bogus == 0;
      }
      query.answer = status == UB_NOERROR && owned
                         ? to_answer(query.question, *owned)
                         : temporary(fmt::format("the lookup failed: {}", ::ub_strerror(status)));
    } catch (const std::exception&) {
      query.answer = Answer{};
    }
  }

  void start_queries() {
    while (!waiting_.empty() && in_flight_.size() < std::max<std::size_t>(resolver_.options_.max_in_flight, 1)) {
      const std::size_t index = waiting_.back();
      waiting_.pop_back();
      auto query = std::make_unique<Query>(
          Query{question(index), index, Deadline::after(resolver_.clock_, resolver_.options_.query_timeout)});
      const int status =
          ::ub_resolve_async(&context_, query->question.name.ascii().c_str(), static_cast<int>(query->question.type),
                             class_in, query.get(), &Batch::on_result, &query->id);
      if (status == UB_NOERROR)
        in_flight_.push_back(std::move(query));
      else
        finish(index, temporary(fmt::format("the lookup failed: {}", ::ub_strerror(status))));
    }
  }

  /// Until an answer, the first deadline or a stop.
  void wait() {
    if (in_flight_.empty()) return;
    // Deadlines are in the order in which queries were started.
    const Deadline first{std::min(in_flight_.front()->deadline.at, deadline_.at)};
    wait_for(resolver_.clock_, ::ub_fd(&context_), POLLIN, first);
  }

  void collect() {
    if (const int status = ::ub_process(&context_); status != UB_NOERROR)
      give_up(fmt::format("the lookup failed: {}", ::ub_strerror(status)));
    std::erase_if(in_flight_, [this](const std::unique_ptr<Query>& query) {
      if (!query->answer) return false;
      any_answer_ = true;
      broke_at_trust_anchor_ |= query->broke_at_trust_anchor;
      any_signature_ |= query->has_signature;
      any_definite_ |= query->is_definite;
      finish(query->index, std::move(*query->answer));
      return true;
    });
  }

  void expire() {
    if (deadline_.passed(resolver_.clock_))
      return give_up(fmt::format("no answer from the DNS: the {} for all lookups are over", seconds_text(time_)));
    const std::string reason =
        fmt::format("no answer from the DNS within {}", seconds_text(resolver_.options_.query_timeout));
    bool any_expired = false;
    std::erase_if(in_flight_, [&](const std::unique_ptr<Query>& query) {
      if (!query->deadline.passed(resolver_.clock_)) return false;
      ::ub_cancel(&context_, query->id);
      finish(query->index, temporary(reason));
      return any_expired = true;
    });
    if (!any_expired || any_answer_) return;
    // Not one answer in all that time: the servers are dead, and the other questions need not find that out again.
    resolver_.dead_ = reason;
    give_up(reason);
  }

  void give_up(const std::string& reason) {
    for (const auto& query : in_flight_) {
      ::ub_cancel(&context_, query->id);
      finish(query->index, temporary(reason));
    }
    in_flight_.clear();
    for (const std::size_t index : waiting_)
      finish(index, temporary(reason));
    waiting_.clear();
  }

  void finish(std::size_t index, Answer answer) {
    if (index == root_question) return;
    answers_[index] = std::move(answer);
    ++finished_;
  }

  void tell_progress() {
    if (resolver_.options_.progress) resolver_.options_.progress(finished_, questions_.size());
  }

  UnboundResolver& resolver_;
  ub_ctx& context_;
  std::span<const Question* const> questions_;
  std::span<Answer> answers_;
  std::vector<std::size_t> waiting_;               // the next one is the last
  std::vector<std::unique_ptr<Query>> in_flight_;  // in the order of their start
  std::size_t finished_ = 0;
  std::chrono::milliseconds time_;
  Deadline deadline_;
  bool any_answer_ = false;
  bool any_definite_ = false;
  bool any_signature_ = false;
  bool broke_at_trust_anchor_ = false;
};

UnboundResolver::UnboundResolver(Clock& clock, UnboundOptions options)
    : clock_(clock),
      options_(std::move(options)),
      context_(std::make_unique<Context>(Context{make_context(options_)})),
      validation_(validation_with(options_)) {
}

UnboundResolver::~UnboundResolver() = default;

/// Asks for the root's keys without validating. A validator's memory holds the failure already, so a context of its
/// own.
bool UnboundResolver::servers_strip_signatures() {
  UnboundOptions options = options_;
  options.validate = false;
  auto validating = std::exchange(context_, std::make_unique<Context>(Context{make_context(options)}));
  const Question keys{*DnsName::parse_host("."), root_keys};
  const Question* const question = &keys;
  Answer unused;
  bool stripped = false;
  {
    Batch probe(*this, {&question, 1}, {&unused, 1});
    probe.run();
    stripped = probe.is_unsigned();
  }
  if (!stripped) context_ = std::move(validating);
  return stripped;
}

void UnboundResolver::answer(std::span<const Question* const> questions, std::span<Answer> answers) {
  bool broken = false;
  {
    Batch batch(*this, questions, answers);
    batch.run();
    broken = batch.broke_at_trust_anchor();
  }
  if (!broken || !servers_strip_signatures()) return;
  validation_ = Validation::stripped;
  Batch(*this, questions, answers).run();
}

std::vector<Answer> UnboundResolver::resolve(std::span<const Question> questions) {
  std::vector<const Question*> distinct;
  distinct.reserve(questions.size());
  for (const Question& question : questions)
    distinct.push_back(&question);
  const auto less = [](const Question* a, const Question* b) { return *a < *b; };
  const auto same = [](const Question* a, const Question* b) { return *a == *b; };
  std::ranges::sort(distinct, less);
  distinct.erase(std::unique(distinct.begin(), distinct.end(), same), distinct.end());

  std::vector<Answer> found(distinct.size());
  if (distinct.size() == questions.size()) {  // as most are: hundreds of thousands of answers are not copied
    std::ranges::transform(questions, distinct.begin(), [](const Question& question) { return &question; });
    answer(distinct, found);
    return found;
  }
  answer(distinct, found);
  std::vector<Answer> answers;
  answers.reserve(questions.size());
  for (const Question& question : questions)
    answers.push_back(
        found[static_cast<std::size_t>(std::ranges::lower_bound(distinct, &question, less) - distinct.begin())]);
  return answers;
}

}  // namespace mxcert::dns
