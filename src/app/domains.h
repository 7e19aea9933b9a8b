#pragma once
#include "mx/domain_sources.h"

namespace mxcert::app {

struct Context;

/// The mail domains of all sources: configuration, files, mail servers, and what [domains] command prints.
/// Each once.
/// Throws Error (code `domain_source`) when a source fails; Interrupted.
mx::DomainList list_domains(const Context& context);

}  // namespace mxcert::app
