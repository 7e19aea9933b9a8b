#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "deploy/dane.h"
#include "deploy/install.h"
#include "deploy/verify.h"

namespace mxcert::deploy {

/// Where a deployment learns of TLSA records: find_tlsa with a resolver that validates. This folder starts none, and
/// asks only when something would change.
using FindTlsa =
    std::function<std::vector<TlsaLookup>(std::span<const std::string> names, std::span<const std::uint16_t> ports)>;

/// The ports whose records concern a deployment: 25, since the names are those of MX hosts whatever this target
/// serves, and those of its listeners.
std::vector<std::uint16_t> ports_of(std::span<const Check> checks);

/// What senders see, or will when the daemon reloads: the certificates shown, and those in files to be replaced.
std::vector<Chain> chains_in_service(std::span<const Observation> before, std::span<const FileChange> changes);

/// What the published records say to a deployment (law 4).
struct DaneVerdict {
  enum class Kind {
    go,
    mismatch,  // a secure RRset exists that some chain does not match
    unknown,   // what is published is not known, and a chain has another key than those in service
  };
  Kind kind = Kind::go;
  std::string reason = {};  // what was found, where
  std::string hint = {};    // several lines: what to do, and the records to publish
};

/// Pure. `judgements` are of `chains`, which are about to be installed.
///
/// A mismatch keeps back a renewal with the same key too: it is how a wrong record is found. No answer is no reason to
/// keep it back, only a new key. Whether records have been there for two TTLs is not looked at: caches elsewhere cannot
/// be seen from here.
DaneVerdict decide_by_dane(const std::string& certificate_name, std::span<const DaneJudgement> judgements,
                           std::span<const Chain> chains, std::span<const Chain> in_service);

}  // namespace mxcert::deploy
