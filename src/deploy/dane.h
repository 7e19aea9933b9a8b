#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dns/resolver.h"
#include "pki/certificate.h"

namespace mxcert::deploy {

/// The TLSA records of one port of one name, as a sender finds them.
struct TlsaLookup {
  std::string name;        // of the certificate
  std::uint16_t port = 0;  // TCP
  dns::DnsName base;       // the TLSA base domain (RFC 7671 §3): the name, or what it is an alias of
  dns::Answer answer = {};

  /// Where the records are, or would have to be: `_25._tcp.mx.example.com`, or where a CNAME leads from there.
  dns::DnsName owner() const;
};

/// Looks up every port of every name, in two batches at most; a wildcard has none. Of a name that is an alias,
/// securely, the records of its canonical name count if there are secure ones, else its own (RFC 7672 §2.2.2). Where
/// the name itself cannot be looked up, nothing is known of its records.
std::vector<TlsaLookup> find_tlsa(dns::Resolver& resolver, std::span<const std::string> names,
                                  std::span<const std::uint16_t> ports);

/// What a listener shows, leaf first; one with keys of two types shows one or the other.
using Chain = std::vector<pki::Certificate>;

/// What a sender that uses DANE makes of the records.
enum class DaneStatus {
  none,      // there are none
  insecure,  // not signed: as if there were none (RFC 7672 §2.2)
  unusable,  // secure, but none of a kind that SMTP uses: encrypted, not authenticated (RFC 7672 §2.2)
  matches,   // every chain is authenticated
  mismatch,  // some chain is not: mail is deferred
  unknown,   // the lookup failed or is bogus: mail is deferred
};
std::string_view to_string(DaneStatus status);

struct DaneJudgement {
  TlsaLookup lookup;
  DaneStatus status = DaneStatus::unknown;
  std::vector<std::size_t> unmatched = {};  // the chains that no record matches, by their place
  /// Some chain matches only by records that a renewal can outdate: those that hold the certificate itself (`3 0 x`),
  /// since it changes, or one of the CA (`2 x x`), since CAs change their intermediates unannounced.
  bool fragile = false;
};

/// Pure. All chains have to match, since a sender may be shown any of them.
DaneJudgement judge_tlsa(const TlsaLookup& lookup, std::span<const Chain> chains);

/// Whether SMTP senders use it: usage 3 or 2 (RFC 7672 §3.1), a known selector and matching type, data of that size.
bool is_usable(const dns::TlsaRecord& record);
/// Whether it authenticates `chain` for the TLSA base domain `base`. Usage 3: the leaf, whatever its names and dates
/// (RFC 7672 §3.1.1). Usage 2: a certificate above the leaf that is shown too, or, when the record holds all of it, one
/// that signed what is shown; and the leaf covers `base` (§3.1.2, §3.2.2).
bool matches(const dns::TlsaRecord& record, std::span<const pki::Certificate> chain, const dns::DnsName& base);

/// What to publish for a key `beside` other records: `3 1 1` (RFC 7672 §3.1), right for as long as the key is kept; or
/// `3 1 2` where others are, since it would not count (RFC 7671 §9).
dns::TlsaRecord record_for(const pki::Certificate& leaf, std::span<const dns::TlsaRecord> beside = {});
/// `_25._tcp.mx.example.com. IN TLSA 3 1 1 0123…`.
std::string zone_line(const dns::DnsName& owner, const dns::TlsaRecord& record);

}  // namespace mxcert::deploy
