#pragma once
#include <string>

#include "acme/client.h"
#include "report/report.h"

namespace mxcert::issue {

/// `chain`, or the one of its alternates whose topmost certificate was issued by the common name `preferred` (RFC 8555
/// §7.4.2). Alternates are fetched one after the other until one is it; a warning says when none is.
acme::CertificateChain choose_chain(report::Report& report, acme::Client& client, const std::string& certificate,
                                    acme::CertificateChain chain, const std::string& preferred, Deadline deadline);

}  // namespace mxcert::issue
