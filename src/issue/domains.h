#pragma once
#include "base/clock.h"
#include "config/config.h"
#include "mx/domain_sources.h"

namespace mxcert::issue {

/// The mail domains of all sources: configuration, files, mail servers, and what [domains] command prints.
/// Each once.
/// Throws Error (code `domain_source`) when a source fails; Interrupted.
mx::DomainList list_domains(const config::Config& config, Clock& clock);

}  // namespace mxcert::issue
