#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dns/answer.h"

namespace mxcert::mx {

/// Who asks for a certificate, and from whom, in the terms of CAA records.
struct CaaApplicant {
  std::vector<std::string> issuers = {};  // the CA's names (RFC 8555 §7.1.1); empty: not known, any may be meant
  std::string account = {};               // its URI (RFC 8657 §3); empty: there is none yet
  std::string method = "http-01";         // as the CA calls it (RFC 8657 §4)
  bool wildcard = false;                  // for `*.` and the name, not the name itself
};

struct CaaObjection {
  std::string reason = {};  // without its subject, the records: `allow only ca.example, not letsencrypt.org`
  std::string remedy = {};  // what to do, with the record to publish or remove
};

/// What in `records`, the Relevant RRset, which lies at `owner`, keeps the CA from issuing; empty when nothing does.
/// Pure. RFC 8659 §4 (a property that is malformed names nobody), RFC 8657.
std::optional<CaaObjection> find_objection(const dns::DnsName& owner, std::span<const dns::CaaRecord> records,
                                           const CaaApplicant& applicant);

}  // namespace mxcert::mx
