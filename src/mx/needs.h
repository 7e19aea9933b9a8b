#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dns/name.h"
#include "pki/key.h"

// What is needed of one certificate: the one answer to it, for the plan and for whoever carries it out.
namespace mxcert::mx {

/// One certificate of a version, which has one for each of its keys.
struct CurrentPart {
  std::optional<pki::KeyFamily> family = {};  // of its key; empty: nobody knows
  std::vector<std::string> names = {};        // its subjectAltNames, A-labels, lower case
  SystemTime not_before = {};
  std::optional<SystemTime> not_after = {};  // empty: nobody knows, its files are damaged
  SystemTime renew_at = {};                  // after this it is due
  std::string renew_why = {};                // who says so, unless it is just that its end is near
  std::string unwanted = {};                 // why it has to go whatever its names and dates: `it is from another CA`
};

/// What needs follow from, besides the names that the certificate is to have.
struct Situation {
  std::vector<pki::KeyType> key_types = {pki::KeyType::ecdsa_p256};  // a certificate with each; the primary one first
  std::vector<CurrentPart> parts = {};  // of the live version, the primary one first; empty: there is none
  std::string replace_why = {};         // why there is to be a new version whatever there is now; empty: no reason
  SystemTime now = {};
};

/// A certificate that has to be ordered.
struct Need {
  /// What people are told of first comes first.
  enum class Reason {
    first,  // there is no version at all
    lacks_names,
    unwanted,    // it is, or one that is to be in no further version
    lacks_key,   // the version has no certificate with such a key
    replace,     // Situation::replace_why
    due,         // it is, or one that is to be in no further version
    along,       // another one is due, and half of its own time is over: so they are due together again
    same_names,  // another one is needed, and it has other names than that is to have
  };
  pki::KeyFamily family = pki::KeyFamily::ecdsa;  // of the WantedKey
  std::vector<dns::DnsName> names = {};           // what it is to hold
  Reason reason = Reason::first;
  std::string why = {};  // a sentence about it: `it lacks mx.example.com`
};

/// A key that the next version is to have.
struct WantedKey {
  pki::KeyType type = pki::KeyType::ecdsa_p256;   // of a new key
  pki::KeyFamily family = pki::KeyFamily::ecdsa;  // of the live key, else of a new one
  std::optional<std::size_t> part = {};           // which of the live version's has it
};

/// The keys for `types`, the primary one first, each with the live part whose key is of the same family. A single type
/// of a family that the live version lacks goes on with the live primary key: to change the type alone is no reason for
/// a new one (law 5). `live`: what the parts of the live version have.
std::vector<WantedKey> wanted_keys(const std::vector<pki::KeyType>& types,
                                   const std::vector<std::optional<pki::KeyFamily>>& live);

/// Which certificates have to be ordered so that the next version has all of `names` with each wanted key, the primary
/// one first. Pure. What is not among them stays as it is in the next version.
///
/// All certificates of a version have the same names: so whoever could get fewer than those asks again, with these.
std::vector<Need> find_needs(const Situation& situation, const std::vector<dns::DnsName>& names);

bool is_due(const CurrentPart& part, SystemTime now);
/// `it expires in 20 days`
std::string describe_end(std::optional<SystemTime> not_after, SystemTime now);
/// `mx.example.com, bücher.example`
std::string join_names(const std::vector<dns::DnsName>& names);

}  // namespace mxcert::mx
