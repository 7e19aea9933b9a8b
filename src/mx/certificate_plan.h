#pragma once
#include <optional>

#include "mx/names_over_time.h"
#include "mx/packing.h"
#include "mx/plan.h"
#include "mx/wanted_names.h"

// A step of plan_certificates.
namespace mxcert::mx {

/// What is known of names when their certificates are planned.
struct NameStates {
  const NameSet& live;
  const Owners& owners;
  const Wanted& wanted;  // with what has been settled to stay
  const SettledNames& settled;
  const NewNames& fresh;
};

/// What is to be done about one certificate; `current` is null where there is none yet. Empty for a new one all of
/// whose names wait to be seen again.
std::optional<PlannedCertificate> plan_certificate(const PlanInput& input, const CurrentCertificate* current,
                                                   const PackedCertificate& packed, const NameStates& states);

}  // namespace mxcert::mx
