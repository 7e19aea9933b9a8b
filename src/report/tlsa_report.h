#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/dane.h"
#include "report/report.h"

namespace mxcert::report {

/// One record: to be published, or found.
struct TlsaLine {
  enum class State {
    published,  // for a key of the live version
    missing,    // for a key of the live version, and not there
    in_use,     // for a version that a target serves still: it goes when the live one has taken over
    stale,      // for no version that is live or served
    unusable,   // of a kind that mail does not use
    unknown,    // to be published, and whether it is there is not known
  };
  State state = State::unknown;
  dns::TlsaRecord record;
  std::string key_type = {};  // `ecdsa`, `rsa`: of those for a key of the live version
};
std::string_view to_string(TlsaLine::State state);

/// The records of one port of one name.
struct TlsaRrset {
  deploy::TlsaLookup lookup;
  deploy::DaneStatus status = deploy::DaneStatus::unknown;  // for the live version
  std::vector<TlsaLine> lines = {};                         // what to publish first
};

struct TlsaCertificate {
  std::string name;
  std::string version;      // that is live
  bool in_service = false;  // at every target
  std::vector<TlsaRrset> rrsets = {};
};

/// What is there compared with what `live` needs: for each chain a record that lasts. `served` are the chains of other
/// versions that targets serve. Pure.
TlsaRrset compare_tlsa(const deploy::TlsaLookup& lookup, std::span<const deploy::Chain> live,
                       std::span<const deploy::Chain> served);

/// As a zone file has it; what is not to be published is in comments.
std::string tlsa_to_text(std::span<const TlsaCertificate> certificates);
/// `tlsa --json`, schema version 1.
std::string tlsa_to_json(std::span<const TlsaCertificate> certificates, const Report& report);

}  // namespace mxcert::report
