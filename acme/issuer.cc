#include "acme/issuer.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "acme/validation.h"
#include "base/log.h"
#include "base/text.h"

namespace mxcert::acme {
namespace {

/// An order that is finalized as often as this and still is not valid never will be.
constexpr int max_steps = 20;

/// Whether the order is for exactly the names of the request.
bool has_the_names(const Order& order, const IssueRequest& request) {
  const std::set<std::string> wanted(request.names.begin(), request.names.end());
  std::set<std::string> held;
  for (const Identifier& identifier : order.identifiers) {
    if (identifier.type != "dns") return false;
    held.insert(identifier.value);
  }
  return held == wanted;
}

bool is_over(const Order& order, SystemTime now) {
  if (order.status == Order::Status::invalid) return true;
  return order.status != Order::Status::valid && order.expires && *order.expires <= now;
}

/// Whether a refusal is the CA's word, rather than that it cannot answer at the moment.
bool is_answer(const Problem& problem) {
  return problem.document().status < 500 && problem.document().status != 429;
}

/// RFC 9773 §5 knows alreadyReplaced; CAs refuse a certificate of another account, or one that they have forgotten, in
/// various ways.
bool may_be_about_replacement(const Problem& problem) {
  return problem.document().status != 429 && problem.document().status != 503 && !problem.is("rateLimited") &&
         !problem.is("badNonce") && !problem.is("accountDoesNotExist") && !problem.is("userActionRequired");
}

/// One issuance under way.
class Issuance {
 public:
  Issuance(Client& client, Clock& clock, const Solver& solver, const IssueRequest& request)
      : client_(client), clock_(clock), solver_(solver), request_(request) {}

  IssuedCertificate run() {
    Order order = resume_or_create();
    for (int step = 0; step < max_steps; ++step) {
      throw_if_late(clock_, request_, order);
      switch (order.status) {
        case Order::Status::pending:
          order = validate(client_, clock_, solver_, request_, order);
          break;
        case Order::Status::ready:
          order = finalize(order);
          break;
        case Order::Status::processing:
          order = await_certificate(std::move(order));
          break;
        case Order::Status::valid:
          return download(order);
        case Order::Status::invalid:
          throw_failure(client_, clock_, request_, order);
      }
    }
    throw Error(fmt::format("the order goes round in circles and is {} again", to_string(order.status)),
                "the CA has a problem of its own: try again later", "bad_answer");
  }

 private:
  Order resume_or_create() {
    if (std::optional<Order> order = find_resumable()) {
      report(Progress::Step::resumed);
      return *std::move(order);
    }
    Order order = create();
    if (request_.on_order) request_.on_order(order.url);
    if (!has_the_names(order, request_))
      throw Error("the CA's order is for other names than were asked for", "do not trust this CA", "bad_answer");
    report(Progress::Step::ordered);
    return order;
  }

  std::optional<Order> find_resumable() {
    if (!request_.order_url) return std::nullopt;
    try {
      retry_after_.reset();
      OrderUpdate update = client_.fetch_order(*request_.order_url, request_.deadline);
      if (is_over(update.order, clock_.now()) || !has_the_names(update.order, request_)) return std::nullopt;
      retry_after_ = update.retry_after;
      return std::move(update.order);
    } catch (const Problem& problem) {
      if (!is_answer(problem)) throw;
      log::debug(fmt::format("the order of an earlier run is gone: {}", problem.message()));
      return std::nullopt;
    }
  }

  Order create() {
    try {
      return create(request_.replaces);
    } catch (const Problem& problem) {
      throw_if_names_blamed(problem.document(), request_);
      if (request_.replaces.empty() || !may_be_about_replacement(problem)) throw;
      log::debug(fmt::format("ordering again without naming the certificate that it replaces: {}", problem.message()));
    }
    try {
      return create({});
    } catch (const Problem& problem) {
      throw_if_names_blamed(problem.document(), request_);
      throw;
    }
  }

  Order create(const std::string& replaces) {
    return client_.new_order({.names = request_.names, .profile = request_.profile, .replaces = replaces},
                             request_.deadline);
  }

  Order finalize(const Order& order) {
    report(Progress::Step::finalizing);
    try {
      OrderUpdate update = client_.finalize(order, request_.csr_der, request_.deadline);
      retry_after_ = update.retry_after;
      return std::move(update.order);
    } catch (const Problem& problem) {
      // RFC 8555 §7.4: the order's state is news to one of us; look again, a little later each time.
      if (problem.is("orderNotReady")) return look_again(order);
      throw_if_names_blamed(problem.document(), request_);
      throw;
    }
  }

  Order look_again(const Order& order) {
    clock_.sleep_for(std::min(not_ready_.next({}), request_.deadline.left(clock_)));
    throw_if_late(clock_, request_, order);
    return client_.fetch_order(order.url, request_.deadline).order;
  }

  Order await_certificate(Order order) {
    for (Pauses pauses; order.status == Order::Status::processing;) {
      clock_.sleep_for(std::min(pauses.next(retry_after_), request_.deadline.left(clock_)));
      throw_if_late(clock_, request_, order);
      OrderUpdate update = client_.fetch_order(order.url, request_.deadline);
      order = std::move(update.order);
      retry_after_ = update.retry_after;
    }
    return order;
  }

  IssuedCertificate download(const Order& order) {
    if (!order.certificate)
      throw Error("the order is valid but has no certificate", "the CA does not speak RFC 8555", "bad_answer");
    IssuedCertificate issued{.chain = client_.fetch_certificate(*order.certificate, request_.deadline),
                             .order_url = order.url,
                             .certificate_url = *order.certificate};
    report(Progress::Step::issued);
    return issued;
  }

  void report(Progress::Step step) {
    if (request_.on_progress) request_.on_progress({.step = step, .total = request_.names.size()});
  }

  Client& client_;
  Clock& clock_;
  const Solver& solver_;
  const IssueRequest& request_;
  std::optional<std::chrono::seconds> retry_after_;
  Pauses not_ready_;
};

}  // namespace

IssueFailure::IssueFailure(std::string message, std::string hint, std::vector<Culprit> culprits)
    : Error(std::move(message), std::move(hint), "names_refused"), culprits_(std::move(culprits)) {
}

bool is_final(const Error& error) {
  if (const auto* problem = dynamic_cast<const Problem*>(&error)) return is_answer(*problem);
  const auto* failure = dynamic_cast<const TransportError*>(&error);
  return failure != nullptr ? failure->kind() == TransportError::Kind::refused : error.code() == "bad_answer";
}

IssuedCertificate issue(Client& client, Clock& clock, const Solver& solver, const IssueRequest& request) {
  return Issuance(client, clock, solver, request).run();
}

}  // namespace mxcert::acme
