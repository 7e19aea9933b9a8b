#pragma once
#include <map>
#include <string>

#include "mx/name_set.h"
#include "mx/packing.h"
#include "mx/plan.h"
#include "mx/planned_domains.h"

// Two steps of plan_certificates.
namespace mxcert::mx {

/// A live name that nothing asks for now.
struct SettledName {
  enum class Fate {
    kept,     // somebody may ask for it who could not be heard (law 1)
    missing,  // nobody does, but not for long enough (law 2): it is wanted until `until`
    dropped,
  };
  Fate fate = Fate::kept;
  std::string reason = {};  // a sentence
  SystemTime until = {};

  bool operator==(const SettledName&) const = default;
};

struct SettledNames {
  std::map<dns::DnsName, SettledName> names = {};
  NameHistories history = {};  // of live names

  bool has(const dns::DnsName& name, SettledName::Fate fate) const;
};

/// Laws 1 and 2: what a live certificate has stays, unless every answer that could ask for it is definite and has been
/// for `keep_for`, or a pattern of `rules.exclude` says so. Nobody need look up a wildcard: it goes as soon as it is no
/// extra name any more.
///
/// `keep_for` is there since zones are broken for a day and repaired. Until it is over the name is ordered like any
/// other; but a CA that refuses it agrees with the DNS, and then it is let go (PlannedCertificate::absent), or it would
/// hold up the others until a tenth of the lifetime is left.
SettledNames settle_live_names(const PlanInput& input, const NameSet& live, const Owners& owners,
                               const WantedNames& wanted);

struct NewNames {
  NameSet first_seen = {};     // wanted, on no certificate yet, and by no plan before: to be seen again
  NameHistories history = {};  // of names that are not live
};

/// `wanted`: with what has been settled to stay. Names wait only if they are said to, and only where there is a
/// certificate already.
///
/// In `renew` they are, since a name that is published by mistake costs a certificate, and one more to be rid of it;
/// who calls `issue` knows.
NewNames find_new_names(const PlanInput& input, const NameSet& live, const Owners& owners, const WantedNames& wanted);

}  // namespace mxcert::mx
