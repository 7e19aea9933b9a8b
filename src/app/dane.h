#pragma once
#include <span>
#include <string>

#include "deploy/dane_gate.h"
#include "store/certificates.h"

namespace mxcert::app {

struct Context;

/// TLSA records by the DNS as configured, of which nothing is asked before the first call. Where DNSSEC cannot be
/// checked here, what senders make of records that there are is not known.
deploy::FindTlsa tlsa_source(Context& context);

/// Warns of records that do not protect, will not for long, or could not be looked up (codes `tlsa_unusable`,
/// `tlsa_fragile`, `tlsa_unknown`), and remembers how all were found. `renew` tells the same only once.
void report_dane(Context& context, store::Certificate& certificate, std::span<const deploy::DaneJudgement> judgements);

/// TLSA records for port 25 of each name, one a line: with them, senders that use DANE need not trust the root.
std::vector<std::string> tlsa_records(const store::Version& version);

}  // namespace mxcert::app
